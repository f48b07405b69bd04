"""The tabs of a store that list rows: differences, refused records, messages, calls."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import messages
from django.core.paginator import InvalidPage
from django.db.models import F, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from catalogue.models import ListingVariant
from channels.models import CallLog, Connection, OutboxMessage, RejectedRecord
from channels.models.querysets import OutboxQuerySet
from channels.pull import single_records, streams
from channels.pull.page_writer import unpacked
from channels.stores import services
from inventory.errors import StockError
from inventory.models import StockDifference
from inventory.services import stock_differences
from oms.kit.actors import person
from oms.kit.admin.pages import Page
from oms.kit.admin.paging import CappedPaginator
from oms.screens.messages import described
from oms.screens.stores.base import CHANGE, StorePage, go

ROWS = 50


def page_of(rows: QuerySet[Any], request: HttpRequest, size: int = ROWS) -> Any:
    """The page that the address asks for; the last one where it asks for too much."""
    paginator = CappedPaginator(rows, size)
    try:
        return paginator.page(request.GET.get("page") or 1)
    except InvalidPage:
        return paginator.page(paginator.num_pages)


def chosen(request: HttpRequest) -> list[int]:
    return [int(value) for value in request.POST.getlist("row") if value.isdigit()]


class Differences(StorePage):
    """Stock and prices that the store shows otherwise than we know them: ours stands, or is taken over (R-INV-06)."""

    title = _("Differences")
    tab = "store_differences"
    permission: ClassVar[Any] = "inventory.view_stockdifference"
    write_permission: ClassVar[Any] = "inventory.change_stockitem"
    template_name = "oms/stores/differences.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        stock = (
            StockDifference.objects.filter(connection=self.store, decided_at=None)
            .select_related("listing_variant__variant__product")
            .order_by("id")
        )
        return self.render(rows=page_of(stock, request), prices=price_differences(self.store.pk)[:ROWS])

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        rows = StockDifference.objects.filter(connection=self.store, decided_at=None, pk__in=chosen(request))
        done = 0
        for row in rows:
            try:
                if request.POST.get("do") == "take":
                    stock_differences.use_store_figure(row, person(request.user))
                else:
                    stock_differences.keep_own_figure(row)
            except StockError as error:
                messages.error(request, f"{row.listing_variant.external_sku}: {error}")
            else:
                done += 1
        if done:
            text = ngettext("%d difference is decided.", "%d differences are decided.", done) % done
            messages.success(request, text)
        return go("store_differences", pk)


def price_differences(store_id: int) -> QuerySet[ListingVariant]:
    """Listed SKUs whose price there, when read, was not ours for this store: not what was read too early after a send."""
    store = Connection.objects.get(pk=store_id)
    early = Q(read_at__lt=F("price_sent_at") + timedelta(seconds=store.spec.shown_after))
    return (
        ListingVariant.objects.filter(connection_id=store_id, remote_price__isnull=False)
        .exclude(price=None, variant__price=None)
        .filter(
            Q(price__isnull=False) & ~Q(remote_price=F("price"))
            | Q(price=None) & ~Q(remote_price=F("variant__price"))
        )
        .exclude(early, price_sent_at__isnull=False)
        .select_related("variant__product")
        .order_by("id")
    )


class Refused(StorePage):
    """Records that could not be stored, with the reason and the channel's own document."""

    title = _("Refused records")
    tab = "store_refused"
    write_permission: ClassVar[Any] = ("channels.change_rejectedrecord", CHANGE)
    template_name = "oms/stores/refused.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        rows = RejectedRecord.objects.filter(connection=self.store, resolved_at=None).order_by(
            "-last_seen_at"
        )
        page = page_of(rows.defer("native"), request)
        return self.render(rows=page, names={str(key): str(title) for key, title in streams.TITLES.items()})

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        rows = RejectedRecord.objects.filter(connection=self.store, resolved_at=None)
        if request.POST.get("do") != "all":
            rows = rows.filter(pk__in=chosen(request))
        count = single_records.retry_rejected(rejected=list(rows.defer("native")[:500]))
        text = ngettext("%d record is asked for again.", "%d records are asked for again.", count) % count
        messages.success(request, text)
        return go("store_refused", pk)


class RefusedOne(StorePage):
    """One refused record as the channel sent it."""

    title = _("As the channel sent it")
    template_name = "oms/stores/refused_one.html"

    def get(self, request: HttpRequest, pk: int, record: int) -> HttpResponse:
        row = get_object_or_404(RejectedRecord, pk=record, connection=self.store)
        text = json.dumps(unpacked(row.native), indent=2, ensure_ascii=False, default=str)
        return self.render(row=row, native=text[:200_000])


SHOWN: Sequence[tuple[str, Any]] = (
    ("waiting", _("Waiting")),
    ("parked", _("Parked")),
    ("held", _("Held")),
    ("sent", _("Sent")),
)


def messages_shown(rows: OutboxQuerySet, show: str) -> OutboxQuerySet:
    if show == "parked":
        return rows.parked().order_by("-parked_at")
    if show == "held":
        return rows.unsent().filter(is_held=True).order_by("id")
    if show == "sent":
        return rows.filter(sent=F("wanted"), sent_at__isnull=False).order_by("-sent_at")
    return rows.waiting().filter(is_held=False).order_by("priority", "id")


def ask_to_give_up(page: Page, rows: QuerySet[OutboxMessage], back: str) -> HttpResponse | None:
    """The step before messages are given up: what they are about. None when it was confirmed, or none is chosen."""
    request = page.request
    if request.POST.get("do") != "skip" or "confirmed" in request.POST:
        return None
    found = list(rows.filter(pk__in=chosen(request)).select_related("connection").order_by("pk")[:ROWS])
    if not found:
        return None
    words = described(found)
    text = ngettext("Give %d message up?", "Give %d messages up?", len(found)) % len(found)
    about = [f"{words[row.pk].topic} {words[row.pk].subject} ({row.connection})" for row in found[:10]]
    return page.confirm(
        question=text,
        lines=[
            *about,
            *(["…"] if len(found) > 10 else []),
            _t(
                "The channel is never told these; stock, prices and listings are told again when they next change."
            ),
        ],
        button=_t("Give up"),
        back=back,
        is_dangerous=True,
        hidden=[
            ("do", "skip"),
            ("show", request.POST.get("show", "")),
            *(("row", row.pk) for row in found),
        ],
    )


def act_on_messages(request: HttpRequest, rows: QuerySet[OutboxMessage]) -> None:
    """Retry, skip, or let held ones go; says what came of it."""
    ids = list(rows.filter(pk__in=chosen(request)).values_list("pk", flat=True))
    do = request.POST.get("do")
    if do == "skip":
        count = services.skip(messages=ids)
        text = ngettext("%d message is given up.", "%d messages are given up.", count)
    elif do == "send":
        count = services.send_held(messages=ids)
        text = ngettext("%d message goes out now.", "%d messages go out now.", count)
    else:
        count = services.retry(messages=ids)
        text = ngettext("%d message is tried again now.", "%d messages are tried again now.", count)
    if count:
        messages.success(request, text % count)
    else:
        messages.warning(request, _t("Choose at least one message."))


class Messages(StorePage):
    """What this store must be told: waiting, parked, held, and lately sent."""

    title = _("Messages")
    tab = "store_messages"
    write_permission: ClassVar[Any] = ("channels.change_outboxmessage", CHANGE)
    template_name = "oms/stores/messages.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        show = request.GET.get("show", "waiting")
        rows = messages_shown(OutboxMessage.objects.filter(connection=self.store), show)
        topic = request.GET.get("topic", "")
        if topic:
            rows = rows.filter(topic=topic)
        page = page_of(rows, request)
        return self.render(
            rows=page,
            words=described(page.object_list),
            show=show,
            shown=SHOWN,
            topic=topic,
            path=request.path,
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        rows = OutboxMessage.objects.filter(connection=self.store)
        query = f"?show={request.POST.get('show', 'waiting')}"
        if asked := ask_to_give_up(self, rows, reverse("admin:store_messages", args=[pk]) + query):
            return asked
        act_on_messages(request, rows)
        return go("store_messages", pk, query=query)


class Calls(StorePage):
    """The last requests to this store and their answers, secrets removed."""

    title = _("Calls")
    tab = "store_calls"
    permission: ClassVar[Any] = CHANGE
    template_name = "oms/stores/calls.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        rows = CallLog.objects.filter(connection=self.store).order_by("-id")
        only = request.GET.get("only", "")
        if only == "failed":
            rows = rows.filter(Q(status__gte=400) | Q(status=None))
        return self.render(rows=page_of(rows.defer("sent", "answer"), request), only=only)


class CallOne(StorePage):
    title = _("Call")
    permission: ClassVar[Any] = CHANGE
    template_name = "oms/stores/call.html"

    def get(self, request: HttpRequest, pk: int, call: int) -> HttpResponse:
        row = CallLog.objects.filter(pk=call, connection=self.store).first()
        if row is None:
            raise Http404(_t("This call is no longer kept."))
        return self.render(row=row)
