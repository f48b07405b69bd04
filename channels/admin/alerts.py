"""The list of alerts: what is open, and what was resolved. A person sees the kinds that the role allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels.admin.store.lists import ConnectionFilter
from channels.models import Alert, AlertNotice
from channels.stores import alert_kinds as kinds
from oms.kit.admin.badges import ago, badge, link
from oms.kit.admin.changelist import KeysetChangeList
from oms.kit.admin.filters import ChoiceFilter
from oms.kit.admin.lists import Empty, ListAdmin, Tab
from oms.kit.admin.paging import CAP
from oms.kit.admin.rows import cell
from oms.kit.numbers import grouped

SENT = (AlertNotice.State.SENT, AlertNotice.State.UNKNOWN)


class AlertKindFilter(ChoiceFilter):
    title, parameter_name = _("kind"), "kind"

    def options(self, request: HttpRequest) -> Sequence[tuple[Any, Any]]:
        return [(kind.key, kind.label) for kind in kinds.kinds_for(request.user)]

    def narrow(self, queryset: QuerySet[Alert], value: str) -> QuerySet[Alert]:
        return queryset.filter(kind=value)


@admin.register(Alert)
class AlertAdmin(ListAdmin):
    """Alerts, newest first."""

    is_read_only = True
    title = _("Alerts")
    address = "alerts/"
    change_list_template = "channels/alerts.html"
    tabs = (
        Tab("open", _("Open"), lambda rows: rows.filter(ended_at=None), is_flag=True),
        Tab("resolved", _("Resolved"), lambda rows: rows.filter(ended_at__isnull=False)),
    )
    list_display = ("what", "kind_label", "since", "resolved", "notices")
    list_filter: ClassVar[Any] = (AlertKindFilter, ConnectionFilter)

    def get_urls(self) -> list[Any]:
        """Return the addresses of the list: an alert has no page of its own."""
        forms = {self.name_of(name) for name in ("add", "change", "delete", "history")}
        return [one for one in super().get_urls() if one.name not in forms and one.name is not None]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        allowed = [kind.key for kind in kinds.kinds_for(request.user)]
        return super().get_queryset(request).filter(kind__in=allowed)

    def tab_counts(self, request: HttpRequest) -> Mapping[str, int]:
        is_open = Q(ended_at=None)
        rows = self.get_queryset(request).order_by()
        found = rows.aggregate(open=Count("pk", filter=is_open), resolved=Count("pk", filter=~is_open))
        return {key: min(count, CAP + 1) for key, count in found.items()}

    def with_related(self, request: HttpRequest, rows: list[Any]) -> list[Any]:
        """Set how many notices each alert has sent, and its labels; one statement for the page."""
        sent = dict(
            AlertNotice.objects.filter(alert__in=[row.pk for row in rows], state__in=SENT)
            .order_by()
            .values_list("alert_id")
            .annotate(n=Count("pk"))
        )
        resolved, waiting = gettext("Resolved"), gettext("Open")
        for row in rows:
            row.sent, row.kind_words = sent.get(row.pk, 0), kinds.label_of(row.kind)
            row.state_badge = badge(resolved, "success") if row.ended_at else badge(waiting, "danger")
        return rows

    def empty(self, request: HttpRequest, cl: KeysetChangeList) -> Empty:
        if cl.is_beyond_first or cl.is_narrowed:
            return super().empty(request, cl)
        if cl.tab is not self.tabs[0]:
            return Empty(gettext("No resolved alerts."))
        return Empty(
            gettext("No open alerts."),
            gettext("Faults are listed here when they begin. Choose how you are sent them:"),
            reverse("admin:account_alerts"),
            gettext("Alert settings"),
        )

    @cell("lead wide", description=_("alert"))
    def what(self, row: Alert) -> SafeString | str:
        return link(row.link, row.text) if row.link else row.text

    @cell("nowrap", description=_("kind"))
    def kind_label(self, row: Any) -> str:
        return str(row.kind_words)

    @cell("nowrap", description=_("since"))
    def since(self, row: Alert) -> SafeString:
        return ago(row.opened_at)

    @cell("nowrap", description=_("status"))
    def resolved(self, row: Any) -> SafeString:
        if row.ended_at is None:
            return SafeString(row.state_badge)
        return format_html("{} {}", row.state_badge, ago(row.ended_at))

    @cell("num", description=_("notices sent"))
    def notices(self, row: Any) -> str:
        return grouped(row.sent)
