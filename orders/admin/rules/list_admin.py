"""The list of automation rules, in the sequence in which they are checked."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from oms.kit.admin.badges import badge, link
from oms.kit.admin.changelist import KeysetChangeList
from oms.kit.admin.lists import Empty, ListAdmin, Tab
from oms.kit.admin.pages import Page
from oms.kit.admin.rows import cell
from orders.admin.rules.page import CHANGE, AddRule, RuleAct, RulePage, RuleTrial
from orders.domain.rules.effects import action_text
from orders.domain.rules.fields import condition_text
from orders.domain.rules.loaded import names_in_use
from orders.models import OrderRule
from orders.services.rules import editing


@admin.register(OrderRule)
class RuleAdmin(ListAdmin):
    """Rules in their sequence. They are added, changed and deleted on their page."""

    change_list_template = "orders/rules.html"
    tabs = (
        Tab("all", _("All")),
        Tab("on", _("On"), lambda rows: rows.filter(is_active=True)),
        Tab("off", _("Off"), lambda rows: rows.filter(is_active=False)),
    )
    list_display = ("rule", "conditions_text", "actions_text", "state", "sequence")
    default_sort = "position"
    search_fields = ("^name",)
    search_help_text = _("Search name")
    object_page = RulePage

    def get_urls(self) -> list[URLPattern]:
        def page(route: str, view: type[Page], name: str) -> URLPattern:
            return path(
                route, self.admin_site.admin_view(view.as_view(admin_site=self.admin_site)), name=name
            )

        return [
            page("add/", AddRule, "orders_orderrule_add"),
            page("<key:pk>/try/", RuleTrial, "rule_trial"),
            page("<key:pk>/do/", RuleAct, "rule_act"),
            *super().get_urls(),
        ]

    def with_related(self, request: HttpRequest, rows: list[Any]) -> list[Any]:
        names = names_in_use() if rows else None
        may = request.user.has_perm(CHANGE)
        for rule in rows:
            rule.names, rule.may_change = names, may
        return rows

    def list_context(self, request: HttpRequest, cl: KeysetChangeList) -> dict[str, Any]:
        return {"conflicts": editing.conflicts()}

    def empty(self, request: HttpRequest, cl: KeysetChangeList) -> Empty:
        if cl.is_narrowed or cl.is_beyond_first or (cl.tab is not None and cl.tab.key != "all"):
            return super().empty(request, cl)
        text = _("A rule holds, tags or routes orders as they arrive. Add one, then try it on past orders.")
        if not self.has_add_permission(request):
            return Empty(_("No rules."), text)
        return Empty(_("No rules."), text, reverse("admin:orders_orderrule_add"), _("Add rule"))

    @cell("lead", description=_("rule"))
    def rule(self, rule: OrderRule) -> SafeString:
        name = link(f"{rule.pk}/", rule.name)
        if not rule.fault:
            return name
        return format_html(
            '{} {}<div class="small wrong">{}</div>',
            name,
            badge(gettext("Fault"), "danger"),
            gettext("It is left out: %s") % rule.fault,
        )

    @cell(description=_("conditions"))
    def conditions_text(self, rule: Any) -> Any:
        if not rule.conditions:
            return gettext("every order")
        joint = gettext(" and ") if rule.match == OrderRule.Match.ALL else gettext(" or ")
        return joint.join(condition_text(one, rule.names) for one in rule.conditions)

    @cell(description=_("actions"))
    def actions_text(self, rule: Any) -> Any:
        rows = [action_text(one, rule.names) for one in rule.actions]
        if rule.stops:
            rows.append(gettext("Stop after this rule"))
        return format_html_join("", "<div>{}</div>", ((row,) for row in rows))

    @cell("nowrap", description=_("state"))
    def state(self, rule: Any) -> SafeString:
        word = badge(gettext("On"), "success") if rule.is_active else badge(gettext("Off"))
        if not rule.may_change:
            return word
        address = reverse("admin:rule_trial", args=[rule.pk])
        if not rule.is_active:
            return format_html('{} <a class="d-btn small" href="{}">{}</a>', word, address, gettext("Try"))
        return format_html("{} {}", word, _post(rule.pk, "off", gettext("Switch off"), rule.name))

    @cell("nowrap", description=_("sequence"))
    def sequence(self, rule: Any) -> Any:
        if not rule.may_change:
            return str(rule.position)
        return format_html(
            "{} {}",
            _post(rule.pk, "up", "↑", gettext("Move “%s” up") % rule.name),
            _post(rule.pk, "down", "↓", gettext("Move “%s” down") % rule.name),
        )


def _post(pk: int, what: str, words: str, label: str) -> SafeString:
    """Return a button of the list that posts to `RuleAct`; the list's own form has the token."""
    return format_html(
        '<button class="d-btn small" type="submit" name="what" value="{}" formaction="{}" aria-label="{}">{}</button>',
        what,
        reverse("admin:rule_act", args=[pk]),
        label if what in ("up", "down") else f"{words}: {label}",
        words,
    )
