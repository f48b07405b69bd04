"""The page of one automation rule: its conditions and actions are rows. And its trial on past orders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from oms.kit.admin.pages import Page, form_token, is_repeated
from oms.kit.authors.actors import person
from oms.kit.authors.audit import history_of
from oms.kit.numbers import whole_number
from orders.domain.rules.effects import KINDS, action_text, parse_action, written_action
from orders.domain.rules.fields import (
    FIELDS,
    OPS,
    Names,
    condition_text,
    parse_condition,
    written_value,
)
from orders.domain.rules.loaded import names_in_use
from orders.errors import OrderError
from orders.models import OrderRule, RuleApplication
from orders.services.rules import editing, trial

VIEW, CHANGE = "orders.view_orderrule", "orders.change_orderrule"
#: Empty rows below the filled ones, and orders that the page shows.
EMPTY_ROWS, SHOWN = 2, 10


@dataclass(slots=True)
class Row:
    """One row of the form: what was chosen and written, and what is wrong with it."""

    choice: str = ""
    op: str = ""
    value: str = ""
    error: str = ""


def lists_of(names: Names) -> list[tuple[str, Sequence[str]]]:
    """Return the lists that the value fields suggest: (name of the list, its words)."""
    return [
        ("store", list(names.stores.values())),
        ("channel", list(names.channels.values())),
        ("carrier", list(names.carriers.values())),
        ("warehouse", list(names.warehouses.values())),
        ("priority", [gettext("Normal"), gettext("High"), gettext("Urgent")]),
        ("buyer", [gettext("new"), gettext("known"), gettext("blocked")]),
    ]


class RulePage(Page):
    """Add or change a rule. A new rule is switched off until somebody has seen its trial."""

    permission = VIEW
    write_permission = CHANGE
    template_name = "orders/rule.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Rules"), reverse("admin:orders_orderrule_changelist"))]

    def get(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        rule = get_object_or_404(OrderRule, pk=pk) if pk is not None else OrderRule()
        names = names_in_use()
        return self._show(
            rule,
            names,
            [
                Row(str(one.get("field")), str(one.get("op")), written_value(one, names))
                for one in rule.conditions
            ],
            [Row(str(one.get("kind")), "", written_action(one, names)) for one in rule.actions],
        )

    def post(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        rule = get_object_or_404(OrderRule, pk=pk) if pk is not None else OrderRule()
        if "delete" in request.POST and pk is not None:
            return self._delete(request, rule)
        names, post = names_in_use(), request.POST
        conditions = [
            Row(*parts)
            for parts in zip(post.getlist("field"), post.getlist("op"), post.getlist("value"), strict=False)
        ]
        actions = [
            Row(kind, "", value)
            for kind, value in zip(post.getlist("kind"), post.getlist("action"), strict=False)
        ]
        if "more" in post:
            return self._show(rule, names, conditions, actions, post)
        try:
            saved = self._save(request, pk, names, conditions, actions)
        except OrderError as error:
            messages.error(request, str(error))
            return self._show(rule, names, conditions, actions, post)
        if saved is None:
            messages.info(request, gettext("This rule was already saved. Nothing was changed again."))
            return HttpResponseRedirect(reverse("admin:orders_orderrule_changelist"))
        messages.success(
            request,
            gettext("Rule “%(rule)s” saved, version %(version)d.")
            % {"rule": saved.name, "version": saved.version},
        )
        for conflict in editing.conflicts_with(saved):
            messages.warning(request, conflict.text)
        return HttpResponseRedirect(reverse("admin:rule_trial", args=[saved.pk]))

    def _save(
        self,
        request: HttpRequest,
        pk: int | None,
        names: Names,
        conditions: Sequence[Row],
        actions: Sequence[Row],
    ) -> OrderRule | None:
        """Save what was entered; None when this form was saved before. Raises `OrderError`; the rows say what is wrong."""
        post = request.POST
        parsed_conditions = [
            self._read(row, lambda one: parse_condition(one.choice, one.op, one.value, names))
            for row in conditions
            if row.choice or row.value.strip()
        ]
        parsed_actions = [
            self._read(row, lambda one: parse_action(one.choice, one.value, names))
            for row in actions
            if row.choice or row.value.strip()
        ]
        if any(row.error for row in (*conditions, *actions)):
            raise OrderError(gettext("The rule was not saved: correct the rows that are marked."))
        with transaction.atomic():
            if is_repeated(request):
                return None
            return editing.save_rule(
                pk,
                name=post.get("name", ""),
                when=post.get("when", ""),
                match=post.get("match", ""),
                conditions=parsed_conditions,
                actions=parsed_actions,
                stops="stops" in post,
                by=person(request.user),
                seen_version=whole_number(post.get("seen", "")),
            )

    @staticmethod
    def _read(row: Row, parse: Any) -> dict[str, Any]:
        try:
            found: dict[str, Any] = parse(row)
        except OrderError as error:
            row.error = str(error)
            return {}
        return found

    def _delete(self, request: HttpRequest, rule: OrderRule) -> HttpResponse:
        if "confirmed" not in request.POST:
            self.title = gettext("Delete rule “%s”") % rule.name
            return self.confirm(
                question=gettext("Delete the rule “%s”?") % rule.name,
                button=gettext("Delete rule"),
                back=reverse("admin:orders_orderrule_change", args=[rule.pk]),
                is_dangerous=True,
                hidden=(("delete", "1"),),
                lines=[gettext("What it did remains on the orders, with its name.")],
            )
        try:
            name = editing.delete(rule.pk, by=person(request.user))
        except OrderError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, gettext("Rule “%s” deleted.") % name)
        return HttpResponseRedirect(reverse("admin:orders_orderrule_changelist"))

    def _show(
        self,
        rule: OrderRule,
        names: Names,
        conditions: Sequence[Row],
        actions: Sequence[Row],
        typed: Mapping[str, str] | None = None,
    ) -> HttpResponse:
        self.title = gettext("Rule “%s”") % rule.name if rule.pk else gettext("Add rule")
        shown = typed if typed is not None else {}
        applied = RuleApplication.objects.select_related("order").order_by("-pk")
        return self.render(
            rule=rule,
            name=shown.get("name", rule.name),
            when=shown.get("when", rule.when),
            match=shown.get("match", rule.match),
            stops="stops" in shown if typed is not None else rule.stops,
            whens=OrderRule.When.choices,
            matches=OrderRule.Match.choices,
            conditions=[*conditions, *(Row() for _n in range(EMPTY_ROWS))],
            actions=[*actions, *(Row() for _n in range(EMPTY_ROWS))],
            fields=FIELDS.values(),
            ops=OPS.items(),
            kinds=KINDS.values(),
            lists=lists_of(names),
            conflicts=editing.conflicts_with(rule) if rule.pk and rule.is_active else [],
            applied=list(applied.filter(rule=rule)[:SHOWN]) if rule.pk else [],
            may_delete=bool(rule.pk) and self.request.user.has_perm("orders.delete_orderrule"),
            events=history_of(rule) if rule.pk else [],
            form_token=form_token(),
        )


class AddRule(RulePage):
    """Add a rule."""

    permission = "orders.add_orderrule"
    write_permission = "orders.add_orderrule"


class RuleTrial(Page):
    """What a rule would have done with the orders of the last 30 days, and the button that switches it on."""

    permission = VIEW
    write_permission = CHANGE
    template_name = "orders/rule_trial.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Rules"), reverse("admin:orders_orderrule_changelist"))]

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        rule = get_object_or_404(OrderRule, pk=pk)
        self.title = gettext("Try rule “%s”") % rule.name
        names = names_in_use()
        return self.render(
            rule=rule,
            trial=trial.try_rule(rule),
            days=trial.DAYS,
            most=trial.MOST_ORDERS,
            conditions=[condition_text(one, names) for one in rule.conditions],
            actions=[action_text(one, names) for one in rule.actions],
            conflicts=editing.conflicts_with(rule),
        )


class RuleAct(Page):
    """Switch a rule on or off, or move it up or down: buttons of the list and of the trial."""

    permission = CHANGE

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:orders_orderrule_changelist"))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        what, by = request.POST.get("what", ""), person(request.user)
        try:
            if what in ("up", "down"):
                rule = editing.move(pk, places=-1 if what == "up" else 1, by=by)
                text = gettext("Rule “%s” moved.") % rule.name
            elif what in ("on", "off"):
                rule = editing.switch(pk, is_active=what == "on", by=by)
                if rule.is_active:
                    text = gettext(
                        "Rule “%s” is on. It is applied to orders that arrive or change from now on."
                    )
                else:
                    text = gettext("Rule “%s” is off.")
                text %= rule.name
            else:
                raise OrderError(gettext("This action was not found."))
        except OrderError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, text)
        return HttpResponseRedirect(reverse("admin:orders_orderrule_changelist"))
