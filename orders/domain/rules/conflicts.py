"""Rules that contradict each other, and rules that are never reached."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from orders.domain.rules.effects import KINDS
from orders.models import OrderRule


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two rules (the earlier one first) that cannot both have their way, in one sentence."""

    first: OrderRule
    second: OrderRule
    text: str


def conflicts_of(rules: Sequence[OrderRule]) -> list[Conflict]:
    """Return where two of these rules, in their order, contradict each other; a pure function.

    Two rules are compared when the conditions of one are among those of the other, so that both apply to the same
    orders. The first one decides carrier, service, warehouse and priority. A rule after one with fewer conditions that
    stops is never reached.
    """
    found = []
    conditions = [_conditions(rule) for rule in rules]
    single = [_single(rule) for rule in rules]
    by_size: dict[frozenset[str], list[int]] = {}
    for index, own in enumerate(conditions):
        if own is not None:
            by_size.setdefault(own, []).append(index)
    for own, members in by_size.items():
        for other, others in by_size.items():
            if not own <= other:
                continue
            for index in members:
                for later in others:
                    if index != later:
                        found += _pair(rules, single, index, later, is_same=own == other)
    unique = {(one.first.pk, one.second.pk, one.text): one for one in found}
    return sorted(unique.values(), key=lambda one: (one.first.position, one.second.position))


def _pair(
    rules: Sequence[OrderRule],
    single: Sequence[Mapping[str, str]],
    fewer: int,
    more: int,
    *,
    is_same: bool,
) -> list[Conflict]:
    """Return the contradictions of two rules; the conditions of `fewer` are among those of `more`."""
    first, second = min(fewer, more), max(fewer, more)
    one, two = rules[first], rules[second]
    if not _share_an_event(one, two):
        return []
    found = []
    if one.stops and first == fewer and one.when in (two.when, OrderRule.When.BOTH):
        text = _(
            "“%(second)s” is never reached: “%(first)s” before it applies to the same orders and stops. Move it up."
        )
        return [Conflict(one, two, text % {"first": one.name, "second": two.name})]
    for kind in single[first].keys() & single[second].keys():
        if single[first][kind] == single[second][kind]:
            continue
        names = {"first": one.name, "second": two.name, "action": KINDS[kind].label}
        if is_same:
            text = _(
                "“%(first)s” and “%(second)s” have the same conditions and contradict each other: %(action)s."
                " The first one decides."
            )
        elif first == fewer:
            text = _(
                "“%(second)s” contradicts “%(first)s”, which applies to all of its orders: %(action)s."
                " The first one decides. Move “%(second)s” up."
            )
        else:
            continue  # the special case stands before the general one
        found.append(Conflict(one, two, text % names))
    return found


def _share_an_event(one: OrderRule, two: OrderRule) -> bool:
    return one.when == two.when or OrderRule.When.BOTH in (one.when, two.when)


def _conditions(rule: OrderRule) -> frozenset[str] | None:
    """Return the conditions of a rule in a form that can be compared; None for several of which one is enough."""
    if rule.match == OrderRule.Match.ANY and len(rule.conditions) > 1:
        return frozenset({json.dumps(["any", sorted(map(_text, rule.conditions))])})
    return frozenset(_text(condition) for condition in rule.conditions)


def _text(condition: Mapping[str, Any]) -> str:
    value = condition.get("value", ())
    folded = sorted(str(each).casefold() for each in value) if condition.get("field") != "total" else value
    return json.dumps([condition.get("field"), condition.get("op"), folded], sort_keys=True)


def _single(rule: OrderRule) -> dict[str, str]:
    return {
        str(action.get("kind")): str(action.get("value"))
        for action in rule.actions
        if action.get("kind") in KINDS and KINDS[action["kind"]].is_single
    }
