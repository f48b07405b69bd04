"""The SKU inbox: one page for everything that waits for a decision about a SKU (R-PLUS-12).

The app `orders` registers the SKUs that orders wait for (`orders.admin.skus.unknown`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from catalogue.admin.filters import asked_store
from catalogue.errors import CatalogueError
from catalogue.models import SkuDecision, SkuMerge
from catalogue.pictures.lookup import thumbnails_of
from catalogue.services.sku_inbox import decisions, imports, rows, suggestions
from catalogue.services.sku_inbox.decisions import Outcome
from catalogue.services.sku_inbox.rows import KINDS, SHOWN, Row
from catalogue.services.sku_inbox.suggestions import Suggestion
from catalogue.sku_resolution import variant_with_sku
from channels.models import Connection
from oms.kit.admin.badges import thumb
from oms.kit.admin.pages import Page, add
from oms.kit.authors.actors import Author, person
from oms.kit.numbers import whole_number

CREATE = "catalogue.add_product"
MAP = "catalogue.add_skualias"
MERGE = "catalogue.add_skumerge"
#: Tabs beside the kinds.
DONE, MERGED = "done", "merged"
#: Kinds whose rows are counted up to `rows.COUNTED`.
COMPUTED = frozenset({rows.UNKNOWN, rows.AMBIGUOUS, rows.RECREATED})
#: How long the page offers to undo what the person did last.
OFFERED_FOR = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Offer:
    """A suggestion as the page shows it."""

    suggestion: Suggestion
    picture: Any
    merge_url: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A row as the page shows it. `typed` is what the person typed before a refusal, `proposed` a free SKU."""

    row: Row
    store: Connection | None
    picture: Any
    offers: Sequence[Offer] = field(default_factory=list)
    proposed: str = ""
    typed: str = ""


class SkuInbox(Page):
    """What waits for a decision about a SKU. `?code=` is a kind (or "done", "merged"), `?store=` and `?q=` narrow it."""

    title = _("SKU inbox")
    permission = "catalogue.view_product"
    write_permission = (MAP, CREATE)
    template_name = "catalogue/sku_inbox.html"

    def get(
        self, request: HttpRequest, typed: dict[str, str] | None = None, status: int = 200
    ) -> HttpResponse:
        store, text = asked_store(request), request.GET.get("q", "").strip()[:100]
        code = request.GET.get("code", "")
        code = code if code in {*KINDS, DONE, MERGED} else ""
        start = whole_number(request.GET.get("from", "")) or 0
        user = request.user
        found: list[Row] = []
        more = False
        if code not in {DONE, MERGED}:
            found, more = rows.rows_of(code, store=store, text=text, start=start if code else 0)
        return self.render(
            status=status,
            code=code,
            tabs=self._tabs(code, store, text),
            lines=self._lines(found, typed or {}),
            more_url=self._url(code=code, store=store, q=text, **{"from": start + SHOWN})
            if more and code
            else "",
            is_cut=more and not code,
            is_narrowed=bool(store or text),
            decided=_decided(store) if code == DONE else (),
            merges=_merges() if code == MERGED else (),
            last=self._last(user),
            stores=list(Connection.objects.stores().order_by("name").values_list("pk", "name")),
            store=store,
            q=text,
            may_map=user.has_perm(MAP),
            may_create=user.has_perm(CREATE),
            may_merge=user.has_perm(MERGE),
            query=request.GET.urlencode(),
        )

    @staticmethod
    def _url(**query: Any) -> str:
        kept = {name: value for name, value in query.items() if value}
        return f"{reverse('admin:sku_inbox')}?{urlencode(kept)}" if kept else reverse("admin:sku_inbox")

    def _tabs(self, code: str, store: int | None, text: str) -> list[dict[str, Any]]:
        counts = rows.counts(store, text=text)
        total = sum(counts.values())
        found = [
            ("", _("All"), total),
            *((kind, title, counts.get(kind, 0)) for kind, title in KINDS.items()),
        ]
        tabs = [
            {
                "title": title,
                "url": self._url(code=kind, store=store, q=text),
                "is_current": kind == code,
                "count": f"{n}+" if n == rows.COUNTED and kind in COMPUTED else str(n),
                "is_hot": bool(n) and kind in {"", rows.UNKNOWN, rows.AMBIGUOUS},
            }
            for kind, title, n in found
        ]
        tabs += [
            {
                "title": title,
                "url": self._url(code=kind, store=store),
                "is_current": kind == code,
                "count": "",
            }
            for kind, title in ((MERGED, _("Merged")), (DONE, _("Resolved")))
        ]
        return tabs

    @staticmethod
    def _lines(found: Sequence[Row], typed: dict[str, str]) -> list[Line]:
        """Return the rows with store, picture and suggestions; a constant number of statements."""
        stores = rows.stores_of(found) if found else {}
        offered = suggestions.suggest(found) if found else {}
        pictures = thumbnails_of(
            {one.variant.pk: one.variant for many in offered.values() for one in many}.values()
        )
        proposed = imports.proposed_skus(found)
        return [
            Line(
                row,
                stores.get(row.connection_id),
                thumb(row.image, row.title),
                [
                    Offer(
                        one,
                        thumb(pictures.get(one.variant.pk, ""), one.variant.product.title),
                        _merge_url(row, one) if row.is_merge else "",
                    )
                    for one in offered.get(row.name, ())
                ],
                proposed.get(row.name, ""),
                typed.get(row.name, ""),
            )
            for row in found
        ]

    @staticmethod
    def _last(user: Any) -> SkuDecision | None:
        """Return what this person decided last, if it can still be undone here."""
        newest = (
            SkuDecision.objects.filter(author=user, at__gt=timezone.now() - OFFERED_FOR)
            .select_related("variant")
            .first()
        )
        return newest if newest is not None and newest.can_be_undone else None

    def post(self, request: HttpRequest) -> HttpResponse:
        """One button: `accept=<row>|<variant>`, `map=<row>`, `create=<row>`, `do=accept|dismiss` for ticked rows, `undo`."""
        by, data = person(request.user), request.POST
        needed = CREATE if "create" in data else MAP
        if not request.user.has_perm(needed):
            messages.error(request, gettext("Your role does not allow this."))
            return self._back(request)
        try:
            outcome = self._decide(data, by)
        except CatalogueError as error:
            messages.error(request, str(error))
            name = data.get("map") or data.get("create") or ""
            return self.get(request, typed={name: data.get(f"sku-{name}", "")})
        for sentence in outcome.refused:
            messages.error(request, sentence)
        if text := _said(outcome, is_undo="undo" in data):
            messages.success(request, text)
        return self._back(request)

    def _decide(self, data: QueryDict, by: Author) -> Outcome:
        if name := data.get("map"):
            wanted = data.get(f"sku-{name}", "").strip()
            variant = variant_with_sku(wanted)
            if variant is None:
                raise CatalogueError(
                    gettext("No product has the SKU “%s”. Create the product first, or enter another SKU.")
                    % wanted
                )
            return decisions.accept({name: variant.pk}, by=by)
        if name := data.get("create"):
            return decisions.create(name, data.get(f"new-{name}", ""), by=by)
        if batch := data.get("undo"):
            return decisions.undo(batch, by=by)
        if chosen := data.get("accept"):
            name, _bar, pk = chosen.partition("|")
            return decisions.accept({name: whole_number(pk) or 0}, by=by)
        ticked = data.getlist("row")[:SHOWN]
        if not ticked:
            raise CatalogueError(gettext("Select at least one row."))
        if data.get("do") == "dismiss":
            return decisions.dismiss(ticked, by=by)
        first = {name: whole_number(data.get(f"first-{name}", "")) or 0 for name in ticked}
        usable = {name: pk for name, pk in first.items() if pk}
        outcome = decisions.accept(usable, by=by)
        if left := len(first) - len(usable):
            outcome.refused.append(
                ngettext(
                    "%d row has no suggestion that can be accepted here.",
                    "%d rows have no suggestion that can be accepted here.",
                    left,
                )
                % left
            )
        return outcome

    @staticmethod
    def _back(request: HttpRequest) -> HttpResponse:
        query = request.GET.urlencode()
        return HttpResponseRedirect(f"{request.path}?{query}" if query else request.path)


def _merge_url(row: Row, one: Suggestion) -> str:
    source = variant_with_sku(row.sku)
    if source is None:
        return ""
    return f"{reverse('admin:sku_merge', args=[source.pk])}?{urlencode({'into': one.variant.sku})}"


def _said(outcome: Outcome, *, is_undo: bool) -> str:
    """Return what was done, in words; "" for nothing."""
    done = outcome.done
    if not done:
        return ""
    if is_undo:
        return ngettext("%d decision is undone.", "%d decisions are undone.", len(done)) % len(done)
    if len(done) > 1:
        text = ngettext("%d row is resolved.", "%d rows are resolved.", len(done)) % len(done)
        return f"{text} {_go_on(outcome.orders)}".strip()
    one = done[0]
    names = {
        "theirs": one.sku or one.title,
        "store": one.connection.name,
        "ours": one.variant.sku if one.variant is not None else "",
    }
    if one.action == SkuDecision.Action.DISMISSED:
        return gettext("“%(theirs)s” of %(store)s was dismissed.") % names
    if one.action == SkuDecision.Action.IMPORTED:
        return gettext("Imported with the SKU %(ours)s.") % names
    if one.action == SkuDecision.Action.CREATED:
        text = gettext("The product %(ours)s was created. Enter its stock.") % names
    else:
        text = gettext("“%(theirs)s” of %(store)s was mapped to %(ours)s.") % names
    return f"{text} {_go_on(outcome.orders)}".strip()


def _go_on(orders: int) -> str:
    if not orders:
        return ""
    return ngettext("%(n)d order continues.", "%(n)d orders continue.", orders) % {"n": orders}


def _decided(store: int | None) -> list[SkuDecision]:
    """Return the newest decisions."""
    found = SkuDecision.objects.select_related("connection", "variant", "author")
    if store is not None:
        found = found.filter(connection=store)
    return list(found[: 2 * SHOWN])


def _merges() -> list[SkuMerge]:
    """Return the newest merges that are in force."""
    found = SkuMerge.objects.filter(undone_at=None).select_related(
        "source__product", "target__product", "author"
    )
    return list(found[: 2 * SHOWN])


class OldSkuProblems(Page):
    """The former address of the SKU inbox: it leads there, with the same filters."""

    permission = "catalogue.view_product"

    def get(self, request: HttpRequest) -> HttpResponse:
        query = request.GET.urlencode()
        url = reverse("admin:sku_inbox")
        return HttpResponseRedirect(f"{url}?{query}" if query else url)


add(
    ("catalogue/sku-inbox/", SkuInbox, "sku_inbox"),
    ("catalogue/sku-problems/", OldSkuProblems, "sku_problems"),
)
