"""Write automation rules: save, switch on and off, put in order, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from secrets import token_hex
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from oms.kit.authors import audit
from oms.kit.authors.actors import Author
from orders.domain.rules.compiled import compile_rule
from orders.domain.rules.conflicts import Conflict, conflicts_of
from orders.domain.rules.effects import action_text
from orders.domain.rules.fields import condition_text
from orders.domain.rules.loaded import names_in_use
from orders.errors import OrderError
from orders.models import OrderRule, RuleState

#: Rules that an installation can have; more than any page of orders should be checked against.
MOST_RULES = 2_000
MOST_CONDITIONS = MOST_ACTIONS = 20


@transaction.atomic
def save_rule(
    rule_id: int | None,
    *,
    name: str,
    when: str,
    match: str,
    conditions: Sequence[Mapping[str, Any]],
    actions: Sequence[Mapping[str, Any]],
    stops: bool,
    by: Author,
    seen_version: int | None = None,
) -> OrderRule:
    """Save a rule and return it; `rule_id` None makes a new one, switched off and last. Another version each time.

    `conditions` and `actions` are as `parse_condition` and `parse_action` return them. `seen_version` is the version
    that the person saw. Raises `OrderError` without a name or an action, for a name that is taken, and for a rule that
    another person has changed since.
    """
    _lock()
    title = " ".join(name.split())[:80]
    if not title:
        raise OrderError(_("Enter the name of the rule. It is shown on the orders to which it was applied."))
    if when not in OrderRule.When.values or match not in OrderRule.Match.values:
        raise OrderError(_("Choose when the rule is checked, and how many conditions must hold."))
    if not actions:
        raise OrderError(_("Choose at least one action."))
    if len(conditions) > MOST_CONDITIONS or len(actions) > MOST_ACTIONS:
        raise OrderError(_("A rule has at most %d conditions and as many actions.") % MOST_CONDITIONS)
    if OrderRule.objects.filter(name__iexact=title).exclude(pk=rule_id or 0).exists():
        raise OrderError(_("Another rule has the name “%s”.") % title)
    if rule_id is None:
        if OrderRule.objects.count() >= MOST_RULES:
            raise OrderError(_("There are %s rules already. Delete one first.") % f"{MOST_RULES:,}")
        last = OrderRule.objects.order_by("-position").values_list("position", flat=True).first() or 0
        rule, before = OrderRule(position=last + 1, version=0), {}
    else:
        rule = rule_by_id(rule_id)
        if seen_version is not None and rule.version != seen_version:
            raise OrderError(
                _("The rule was changed since you opened this page. Check it and save it again.")
            )
        before = _shown(rule)
    rule.name, rule.when, rule.match, rule.stops = title, when, match, stops
    rule.conditions, rule.actions = [dict(one) for one in conditions], [dict(one) for one in actions]
    rule.fault, rule.changed_at = "", timezone.now()
    rule.version += 1
    compile_rule(rule)
    rule.save()
    after = _shown(rule)
    audit.record("rule.saved", rule, audit.difference(before, after) if before else {}, by=by)
    _changed()
    return rule


@transaction.atomic
def switch(rule_id: int, *, is_active: bool, by: Author) -> OrderRule:
    """Switch a rule on or off; return it. Orders that it was applied to do not change."""
    _lock()
    rule = rule_by_id(rule_id)
    if rule.is_active != is_active:
        rule.is_active = is_active
        rule.save(update_fields=["is_active"])
        audit.record("rule.switched", rule, {"is_active": (not is_active, is_active)}, by=by)
        _changed()
    return rule


@transaction.atomic
def move(rule_id: int, *, places: int, by: Author) -> OrderRule:
    """Move a rule up (`places` below 0) or down in the sequence in which rules are checked; return it."""
    _lock()
    rules = list(OrderRule.objects.order_by("position", "pk"))
    index = next((i for i, rule in enumerate(rules) if rule.pk == rule_id), None)
    if index is None:
        raise _gone()
    rule = rules.pop(index)
    target = min(max(index + places, 0), len(rules))
    rules.insert(target, rule)
    moved = []
    for position, row in enumerate(rules, 1):
        if row.position != position:
            row.position = position
            moved.append(row)
    OrderRule.objects.bulk_update(moved, ["position"], batch_size=400)
    if target != index:
        audit.record("rule.moved", rule, {"position": (index + 1, target + 1)}, by=by)
        _changed()
    return rule


@transaction.atomic
def delete(rule_id: int, *, by: Author) -> str:
    """Delete a rule; return its name. What it did remains on the orders, with its name."""
    _lock()
    rule = rule_by_id(rule_id)
    audit.record("rule.deleted", rule, audit.difference(_shown(rule), {}), by=by)
    rule.delete()
    _changed()
    return rule.name


def rule_by_id(rule_id: int) -> OrderRule:
    """Return a rule. Raises `OrderError` when it was deleted."""
    rule = OrderRule.objects.filter(pk=rule_id).first()
    if rule is None:
        raise _gone()
    return rule


def conflicts() -> list[Conflict]:
    """Return where the rules that are switched on contradict each other."""
    return conflicts_of(list(OrderRule.objects.filter(is_active=True).order_by("position", "pk")))


def conflicts_with(rule: OrderRule) -> list[Conflict]:
    """Return where a rule would contradict the rules that are switched on."""
    rows = [*OrderRule.objects.filter(is_active=True).exclude(pk=rule.pk), rule]
    rows.sort(key=lambda row: (row.position, row.pk or 0))
    return [one for one in conflicts_of(rows) if rule.pk in (one.first.pk, one.second.pk)]


def _shown(rule: OrderRule) -> dict[str, Any]:
    """Return what a rule says, in words, for the audit log."""
    names = names_in_use()
    return {
        "name": rule.name,
        "when": rule.get_when_display(),
        "match": rule.get_match_display(),
        "conditions": "; ".join(condition_text(one, names) for one in rule.conditions),
        "actions": "; ".join(action_text(one, names) for one in rule.actions),
        "stops": rule.stops,
    }


def _gone() -> OrderError:
    return OrderError(_("This rule no longer exists."))


def _lock() -> None:
    """Let one person change the rules at a time."""
    RuleState.objects.get_or_create(pk=1)
    RuleState.objects.select_for_update().get(pk=1)


def _changed() -> None:
    """Make every process read the rules again; without a rule that is switched on they read none."""
    is_used = OrderRule.objects.filter(is_active=True).exists()
    RuleState.objects.filter(pk=1).update(version=token_hex(16) if is_used else "")
