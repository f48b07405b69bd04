"""Messages to the stores: failed, waiting, held and sent; retried, sent or skipped in the list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Count, F, Q, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels.admin.message_text import described
from channels.admin.store.lists import ConnectionFilter, StoreListAdmin, StoreListPage
from channels.admin.store.page import CHANGE, VIEW, needs
from channels.contract.spec import Capability
from channels.models import Connection, OutboxMessage
from channels.push import topics
from channels.stores import services
from oms.kit.admin import panels
from oms.kit.admin.actions import BulkAction, Outcome
from oms.kit.admin.badges import NOTHING, ago, number
from oms.kit.admin.changelist import TAB, KeysetChangeList
from oms.kit.admin.export.resources import ExportField, ExportResource
from oms.kit.admin.filters import ChoiceFilter
from oms.kit.admin.lists import Empty, Tab
from oms.kit.admin.paging import CAP
from oms.kit.admin.rows import cell
from oms.kit.authors.actors import Author

WRITE = "channels.change_outboxmessage"
FAILED, WAITING, HELD, SENT = "failed", "waiting", "held", "sent"
#: Tabs by their names in old addresses ("?show=parked").
SHOW = {"parked": FAILED, "waiting": WAITING, "held": HELD, "sent": SENT}


def failed(rows: Any) -> Any:
    """Return the messages that their channel refused."""
    return rows.parked()


def waiting(rows: Any) -> Any:
    """Return the messages that are sent next."""
    return rows.waiting().filter(is_held=False)


def held(rows: Any) -> Any:
    """Return the order events that were recorded while their store was read-only."""
    return rows.held()


def sent(rows: Any) -> Any:
    """Return the messages that were sent and whose subject has not changed since."""
    return rows.filter(sent=F("wanted"), sent_at__isnull=False, is_written=True)


class TopicFilter(ChoiceFilter):
    title, parameter_name = _("type"), "topic"

    def options(self, request: HttpRequest) -> list[tuple[str, Any]]:
        return [(str(key), words) for key, words in topics.TITLES.items()]

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(topic=value)


class MessageResource(ExportResource):
    store = ExportField(attribute="connection__name", column_name=_("store"))

    class Meta:
        model = OutboxMessage
        fields = (
            "store",
            "topic",
            "subject",
            "group",
            "attempts",
            "last_error",
            "changed_at",
            "parked_at",
            "sent_at",
        )
        export_order = fields


def acting(service: Callable[..., int]) -> Callable[[Sequence[int], Author, str], list[Outcome]]:
    """Return the `run` of a bulk action that calls `service(messages=ids)`."""

    def run(ids: Sequence[int], author: Author, reason: str) -> list[Outcome]:
        rows = list(OutboxMessage.objects.filter(pk__in=ids).select_related("connection").order_by("pk"))
        open_ids = set(OutboxMessage.objects.filter(pk__in=ids).unsent().values_list("pk", flat=True))
        service(messages=[row.pk for row in rows if row.pk in open_ids])
        words = described(rows)
        done = gettext("The message was already sent or skipped.")
        return [
            Outcome(row.pk, True, label=str(words[row.pk]))
            if row.pk in open_ids
            else Outcome(row.pk, False, done, str(words[row.pk]))
            for row in rows
        ]

    return run


class MessageList(KeysetChangeList):
    """The list of messages. Rows of the tabs Failed and Sent always have their sort value: no second statement."""

    @cached_property
    def _is_nullable(self) -> bool:
        return False


@admin.register(OutboxMessage)
class OutboxMessageAdmin(StoreListAdmin):
    """Failed messages, and messages that are to be sent, on hold or sent."""

    address = "integrations/parked-messages/"
    title = _("Failed messages")
    tabs = (
        Tab(FAILED, _("Failed"), failed, is_flag=True),
        Tab(WAITING, _("To send"), waiting),
        Tab(HELD, _("On hold"), held, hint=_("Order messages from the time when the store was read-only.")),
        Tab(SENT, _("Sent"), sent),
    )
    list_display = ("about", "topic_words", "store", "since", "tries", "last_answer")
    optional_columns = ("created",)
    list_filter: ClassVar[Any] = (ConnectionFilter, TopicFilter)
    default_sort = "-pk"
    resource_classes: ClassVar[Any] = (MessageResource,)
    bulk_actions = (
        BulkAction(
            "retry", _("Retry"), acting(services.retry), WRITE, tabs=(FAILED, WAITING), goes_to=WAITING
        ),
        BulkAction("send", _("Send"), acting(services.send_held), WRITE, tabs=(HELD,), goes_to=WAITING),
        BulkAction(
            "skip",
            _("Skip"),
            acting(services.skip),
            WRITE,
            tabs=(FAILED, HELD),
            question=_(
                "Skip these messages? They are not sent. Stock, prices and listings are sent again at their next change."
            ),
            is_dangerous=True,
        ),
    )

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(VIEW)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Any]:
        return MessageList

    def row_name(self, row: Any) -> str:
        words = getattr(row, "words", None) or described([row])[row.pk]
        return f"{words} ({row.connection})"

    def get_default_sort(self, request: HttpRequest, tab: Tab | None) -> str:
        order = {FAILED: "-parked_at", SENT: "-sent_at", WAITING: "priority", HELD: "pk"}
        return order.get(tab.key if tab else "", self.default_sort)

    def tab_counts(self, request: HttpRequest) -> Mapping[str, int]:
        """Count the messages that are not sent; how many were sent is not counted."""
        rows = self.narrowed_to_store(request, OutboxMessage.objects.unsent())
        parts = [
            Count("pk", filter=Q(parked_at__isnull=False)),
            Count("pk", filter=Q(parked_at=None, is_held=False)),
            Count("pk", filter=Q(parked_at=None, is_held=True)),
        ]
        found = rows.order_by().aggregate(failed=parts[0], waiting=parts[1], held=parts[2])
        return {key: min(found[key], CAP + 1) for key in (FAILED, WAITING, HELD)}

    def with_related(self, request: HttpRequest, rows: list[Any]) -> list[Any]:
        words = described(rows)
        for row in rows:
            row.words = words[row.pk]
        return self.with_store_urls(rows)

    # --- columns ---

    @cell("lead", description=_("subject"))
    def about(self, row: Any) -> Any:
        words = row.words
        return (
            format_html('<a class="oms-link" href="{}">{}</a>', words.url, words.subject)
            if words.url
            else words.subject
        )

    @cell("nowrap", description=_("type"))
    def topic_words(self, row: Any) -> str:
        return str(row.words.topic)

    @cell("nowrap", description=_("since"))
    def since(self, row: OutboxMessage) -> SafeString:
        is_sent = row.sent_at is not None and row.sent == row.wanted
        return ago(row.parked_at or (row.sent_at if is_sent else row.changed_at))

    @cell("num", description=_("attempts"))
    def tries(self, row: OutboxMessage) -> SafeString:
        return number(row.attempts)

    @cell("wide", description=_("last answer"))
    def last_answer(self, row: OutboxMessage) -> Any:
        if row.not_before and row.parked_at is None and row.sent != row.wanted:
            again = format_html(
                '<span class="small quiet">{} {}</span>', gettext("next attempt"), ago(row.not_before)
            )
            return format_html("{} {}", row.last_error, again)
        return row.last_error or NOTHING

    @cell("nowrap", description=_("created"))
    def created(self, row: OutboxMessage) -> SafeString:
        return ago(row.created_at)

    # --- pages ---

    def get_urls(self) -> list[URLPattern]:
        return [path("", self._wrap(self.changelist_view), name="parked"), *super().get_urls()]

    def empty(self, request: HttpRequest, cl: KeysetChangeList) -> Empty:
        if cl.is_beyond_first or cl.is_narrowed:
            return super().empty(request, cl)
        return {
            FAILED: Empty(
                gettext("No failed messages."),
                gettext("Messages that a channel refuses are listed here with its answer."),
            ),
            HELD: Empty(
                gettext("No messages on hold."),
                gettext("While a store is read-only, order messages wait here."),
            ),
            SENT: Empty(
                gettext("No sent messages."),
                gettext("Sent stock, prices and order messages are listed here."),
            ),
        }.get(
            cl.tab.key if cl.tab else "",
            Empty(gettext("No messages to send."), gettext("The stores are up to date.")),
        )


def failed_messages(store: Connection) -> int | None:
    """Return how many messages of a store failed, None for none: the figure on its tab."""
    return OutboxMessage.objects.parked().filter(connection=store).count() or None


@panels.tab(
    Connection,
    "messages",
    label=_("Messages"),
    permission=VIEW,
    count=failed_messages,
    position=50,
    off=needs(Capability.PUSH_STOCK),
    name="store_messages",
)
class StoreMessages(StoreListPage):
    """The messages of this store: to send, failed, on hold, sent."""

    title = _("Messages")
    tab = "messages"
    model = OutboxMessage
    first_tab = WAITING
    write_permission: ClassVar[Any] = (WRITE, CHANGE)

    def asked(self, request: HttpRequest) -> Any:
        asked = super().asked(request)
        if show := SHOW.get(asked.pop("show", [""])[-1]):
            asked[TAB] = show
        return asked
