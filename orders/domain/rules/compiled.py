"""Rules made ready for many orders: read once, checked in memory, without a statement for a rule or an order.

Conditions about store, channel, country and currency are decided once for each such combination. Of the rules that
remain, those that may apply to an order are looked up (`index`), and only their other conditions are checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from orders.domain.rules.effects import KINDS
from orders.domain.rules.fields import KEY_FIELDS, Check, OrderFacts, check_of, fold
from orders.domain.rules.index import Anchor, RuleIndex, anchor_of
from orders.models import OrderRule


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """One rule with its conditions as functions. `key_checks` are those about `OrderFacts.key`."""

    pk: int
    name: str
    version: int
    when: str
    is_any: bool
    stops: bool
    key_checks: tuple[Check, ...]
    checks: tuple[Check, ...]
    actions: tuple[Mapping[str, Any], ...]
    anchor: Anchor | None
    #: The tags that it gives, folded: rules after it see them.
    tags: frozenset[str]


#: Combinations of store, channel, country, currency and event that are kept.
MOST_KEYS = 2_000
#: Facts that cost a statement for a page, by the field that needs them.
COSTLY = {"weight": "weight", "sku": "sku", "buyer": "buyer"}


@dataclass(slots=True)
class CompiledRules:
    """The rules that are switched on, in their order. `faults` are rules (ids) that cannot be read, with the reason."""

    rules: tuple[CompiledRule, ...] = ()
    needs: frozenset[str] = frozenset()
    faults: dict[int, str] = field(default_factory=dict)
    #: Whether a rule looks at a tag that another rule may give.
    gives_tags_that_count: bool = False
    _by_key: dict[tuple[str, ...], tuple[tuple[CompiledRule, ...], RuleIndex]] = field(default_factory=dict)

    def candidates(self, facts: OrderFacts, event: str) -> Iterable[CompiledRule]:
        """Return the rules that may apply to an order, in their order."""
        key = (*facts.key, event)
        found = self._by_key.get(key)
        if found is None:
            if len(self._by_key) > MOST_KEYS:
                self._by_key.clear()
            rules = tuple(
                rule
                for rule in self.rules
                if rule.when in (event, OrderRule.When.BOTH)
                and (rule.is_any or all(check(facts) for check in rule.key_checks))
            )
            found = self._by_key[key] = (rules, RuleIndex.of([rule.anchor for rule in rules]))
        rules, index = found
        if not self.gives_tags_that_count:
            return (rules[place] for place in index.candidates(facts))
        return _following_tags(rules, index, facts)

    def matching(
        self, facts: OrderFacts, event: str, faults: dict[int, str] | None = None
    ) -> list[CompiledRule]:
        """Return the rules that apply to an order, in their order, up to the first that stops.

        A rule that fails is left out; its reason is added to `faults` by its id.
        """
        found = []
        for rule in self.candidates(facts, event):
            try:
                if rule.is_any:
                    for check in rule.checks:
                        if check(facts):
                            break
                    else:
                        continue
                else:
                    for check in rule.checks:
                        if not check(facts):
                            break
                    else:
                        found.append(rule)
                        facts.tags |= rule.tags
                        if rule.stops:
                            break
                    continue
            except Exception as error:  # noqa: BLE001 (a fault in one rule never stops the order)
                if faults is not None:
                    faults[rule.pk] = f"{type(error).__name__}: {error}"[:300]
                continue
            found.append(rule)
            facts.tags |= rule.tags
            if rule.stops:
                break
        return found


def _following_tags(
    rules: Sequence[CompiledRule], index: RuleIndex, facts: OrderFacts
) -> Iterator[CompiledRule]:
    """Return the candidates in their order; look again when an earlier one has given the order a tag."""
    places, at = index.candidates(facts), 0
    while at < len(places):
        place, tags = places[at], facts.tags
        yield rules[place]
        at += 1
        if facts.tags is not tags and facts.tags != tags:
            places = [each for each in index.candidates(facts) if each > place]
            at = 0


def compile_rules(rows: Iterable[OrderRule]) -> CompiledRules:
    """Return these rules, in the order given, ready to be checked. One that cannot be read is left out, with a fault."""
    rows, compiled = list(rows), CompiledRules()
    found, needs = [], set()
    for row in rows:
        try:
            found.append(compile_rule(row))
            needs |= {COSTLY[one["field"]] for one in row.conditions if one["field"] in COSTLY}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            compiled.faults[row.pk] = f"{type(error).__name__}: {error}"[:300]
    asked = {
        condition["field"] for row in rows for condition in row.conditions if isinstance(condition, dict)
    }
    compiled.gives_tags_that_count = "tag" in asked and any(rule.tags for rule in found)
    compiled.rules, compiled.needs = tuple(found), frozenset(needs)
    return compiled


def compile_rule(row: OrderRule) -> CompiledRule:
    """Return one rule ready to be checked. Raises ValueError for a condition or action that cannot be read."""
    is_any = row.match == OrderRule.Match.ANY
    checks = [(one["field"], check_of(one)) for one in row.conditions]
    for action in row.actions:
        if action["kind"] not in KINDS:
            raise ValueError(action["kind"])
    return CompiledRule(
        pk=row.pk or 0,
        name=row.name,
        version=row.version,
        when=row.when,
        is_any=is_any and bool(checks),
        stops=row.stops,
        key_checks=() if is_any else tuple(_key_checks(row.conditions)),
        checks=tuple(check for key, check in checks if is_any or key not in KEY_FIELDS),
        actions=tuple(row.actions),
        anchor=None if is_any else anchor_of(row.conditions),
        tags=frozenset(fold(str(one["value"])) for one in row.actions if one["kind"] == "tag"),
    )


def _key_checks(conditions: Iterable[Mapping[str, Any]]) -> Iterator[Check]:
    """Return the checks that `OrderFacts.key` decides alone; of an order value it is the currency."""
    for condition in conditions:
        if condition["field"] in KEY_FIELDS:
            yield check_of(condition)
        elif condition["field"] == "total":
            yield partial(_has_currency, str(condition["value"][1]))


def _has_currency(currency: str, facts: OrderFacts) -> bool:
    return facts.currency == currency
