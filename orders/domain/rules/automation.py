"""Apply the rules to the orders of a unit of work, in memory; write the traces after it is written (R-PLUS-19).

A page of orders costs no statement while no rule is switched on. Otherwise it costs a constant number, whatever its
length and the number of rules. A rule is applied to an order once; a rule that fails is left out and shows its fault.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError

from oms.kit import bulk
from orders.domain.allocation import release_stock
from orders.domain.moves import BEFORE_PACKING
from orders.domain.rules.effects import Passage
from orders.domain.rules.facts import facts_of
from orders.domain.rules.loaded import rules_of
from orders.models import Note, OrderRule, RuleApplication
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork

log = logging.getLogger(__name__)

ARRIVED, CHANGED = OrderRule.When.ARRIVED, OrderRule.When.CHANGED


@dataclass(slots=True)
class Applied:
    """What the rules did in one unit of work; `write` stores the traces and notes in the same transaction."""

    traces: list[RuleApplication] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    faults: dict[int, str] = field(default_factory=dict)

    def write(self) -> None:
        """Write the traces, notes and faults. Call it when the orders have their primary keys; at most 3 statements."""
        bulk.insert(self.traces, keys=False)
        bulk.insert(self.notes, keys=False)
        for pk, fault in self.faults.items():
            OrderRule.objects.filter(pk=pk).exclude(fault=fault).update(fault=fault)


def apply_rules(
    unit: UnitOfWork,
    version: str,
    *,
    new: Sequence[OrderState] = (),
    changed: Sequence[OrderState] = (),
) -> Applied:
    """Apply the rules of this version to orders that have arrived, and to orders that have changed.

    Only orders that are open and not packed are looked at. Call it before stock is allocated and orders are released:
    holds, warehouses and priorities take effect at once.
    """
    applied = Applied()
    if not version:
        return applied
    rules, names = rules_of(version)
    applied.faults.update(rules.faults)
    rows = [
        *((ARRIVED, order_state) for order_state in new if _is_open(order_state)),
        *((CHANGED, order_state) for order_state in changed if _is_open(order_state)),
    ]
    if not rows or not rules.rules:
        return applied
    facts = facts_of(
        [(each.order, each.connection.channel, each.lines) for _event, each in rows], rules.needs
    )
    before = _applied_before([each.order.pk for event, each in rows if event == CHANGED])
    now = unit.now
    words: dict[tuple[str, str], str] = {}
    for (event, order_state), one in zip(rows, facts, strict=True):
        earlier = before.get(order_state.order.pk or 0, {})
        matching = rules.matching(one, event, applied.faults)
        passage = None
        for rule in matching:
            if rule.pk in earlier:
                continue
            if passage is None:
                passage = Passage(
                    order_state,
                    now,
                    names,
                    earlier={kind: value for set_by in earlier.values() for kind, value in set_by.items()},
                    release_stock=lambda each: release_stock(each, unit.stock(), unit.now),
                    words=words,
                )
            try:
                effects = passage.apply(rule)
            except DatabaseError:  # no fault of the rule: the page is stored again
                raise
            except Exception as error:
                log.exception("rule %s failed", rule.pk)
                applied.faults[rule.pk] = f"{type(error).__name__}: {error}"[:300]
                continue
            applied.traces.append(
                bulk.make(
                    RuleApplication,
                    order=order_state.order,
                    rule_id=rule.pk,
                    rule_name=rule.name,
                    rule_version=rule.version,
                    event=event,
                    effects=effects,
                    at=now,
                )
            )
        if passage is not None:
            applied.notes += passage.notes
    return applied


def _is_open(order_state: OrderState) -> bool:
    """Return whether rules apply to an order: not history, not ended or about to be, nothing packed."""
    order = order_state.order
    if order.is_history or order_state.is_ended or order.cancel_asked_by or order.shipped_at:
        return False
    return order_state.is_new or order.status in BEFORE_PACKING


def _applied_before(order_ids: Sequence[int]) -> dict[int, dict[int, dict[str, Any]]]:
    """Return what each rule (id) set on these orders (ids) at earlier events; one statement, none without orders."""
    found: dict[int, dict[int, dict[str, Any]]] = defaultdict(dict)
    if order_ids:
        rows = RuleApplication.objects.filter(order__in=bulk.among(order_ids), rule__isnull=False)
        for order_id, rule_id, effects in rows.order_by("pk").values_list("order", "rule", "effects"):
            found[order_id][rule_id or 0] = effects
    return found


def remember_releases(order_states: Iterable[OrderState], version: str) -> None:
    """Mark the orders that a rule releases, when their missing stock has arrived; one statement, none without rules."""
    by_id = {each.order.pk: each for each in order_states if not each.settings.auto_release}
    if not version or not by_id:
        return
    rows = RuleApplication.objects.filter(order__in=bulk.among(list(by_id)), effects__has_key="release")
    for order_id in rows.values_list("order", flat=True):
        by_id[order_id].is_released_by_rule = True
