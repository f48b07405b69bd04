"""Find the rules that may apply to an order without checking each: by one condition of each rule, its anchor.

An anchor is a condition whose value can be looked up: a SKU, a tag, the beginning of a postcode, a least weight. Rules
without one are candidates for every order. The candidates are then checked completely (`compiled`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from orders.domain.rules.fields import OrderFacts, fold

#: Digits of a postcode by which ranges are looked up.
RANGE_DIGITS = 2
_TEXTS = {"sku": "skus", "tag": "tags"}


@dataclass(frozen=True, slots=True)
class Anchor:
    """How the rule is found: `kind` (“is”, “starts”, “range”, “at_least”, “at_most”), the fact, the values."""

    kind: str
    fact: str
    values: tuple[Any, ...]


def anchor_of(conditions: Sequence[Mapping[str, Any]]) -> Anchor | None:
    """Return the best anchor among conditions that must all hold; None where none can be looked up."""
    found = [(rank, anchor) for one in conditions if (ranked := _ranked(one)) for rank, anchor in (ranked,)]
    return min(found, key=lambda each: each[0])[1] if found else None


def _ranked(condition: Mapping[str, Any]) -> tuple[int, Anchor] | None:
    """Return an anchor with its rank: the lower, the fewer orders it usually finds."""
    key, op, values = condition["field"], condition["op"], [str(each) for each in condition["value"]]
    if key in ("sku", "tag") and op in ("is", "starts"):
        return (0 if op == "is" else 2), Anchor(op, _TEXTS[key], tuple(fold(each) for each in values))
    if key == "postcode" and op in ("is", "starts"):
        return 1, Anchor(op, "postcode", tuple(values))
    if key == "postcode" and op == "between":
        return 1, Anchor("range", "postcode", tuple(values))
    if key in ("method", "payment_method", "storefront") and op in ("is", "starts"):
        return 3, Anchor(op, key, tuple(fold(each) for each in values))
    if key in ("weight", "units", "lines") and op in ("at_least", "at_most"):
        return 4, Anchor(op, key, (int(values[0]),))
    if key == "total" and op in ("at_least", "at_most"):
        return 4, Anchor(op, key, (Decimal(values[0]),))
    return None


@dataclass(slots=True)
class RuleIndex:
    """Rules by their anchors; rules are their places in the sequence, so that candidates can be put in order."""

    always: list[int] = field(default_factory=list)
    exact: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    begins: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    ranges: dict[tuple[int, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    least: dict[str, list[tuple[Any, int]]] = field(default_factory=dict)
    most: dict[str, list[tuple[Any, int]]] = field(default_factory=dict)

    @classmethod
    def of(cls, anchors: Sequence[Anchor | None]) -> RuleIndex:
        """Return the index of rules with these anchors, in their sequence."""
        made = cls()
        for place, anchor in enumerate(anchors):
            if anchor is None:
                made.always.append(place)
            elif anchor.kind == "is":
                for value in dict.fromkeys(anchor.values):
                    made.exact[anchor.fact, value].append(place)
            elif anchor.kind == "starts":
                for value in dict.fromkeys(anchor.values):
                    made.begins.setdefault(anchor.fact, {}).setdefault(value, []).append(place)
            elif anchor.kind == "range":
                for key in {key for value in anchor.values for key in _range_keys(value)}:
                    made.ranges[key].append(place)
            else:
                side = made.least if anchor.kind == "at_least" else made.most
                side.setdefault(anchor.fact, []).append((anchor.values[0], place))
        for side in (made.least, made.most):
            for rows in side.values():
                rows.sort()
        return made

    def candidates(self, facts: OrderFacts) -> list[int]:
        """Return the places of the rules that may apply to an order, in sequence."""
        found = set(self.always)
        for fact, value in _values(facts):
            found.update(self.exact.get((fact, value), ()))
            if begins := self.begins.get(fact):
                for end in range(1, len(value) + 1):
                    found.update(begins.get(value[:end], ()))
        if self.ranges:
            key = (len(facts.postcode), facts.postcode[:RANGE_DIGITS])
            found.update(self.ranges.get(key, ()))
        for fact, rows in self.least.items():
            if (number := getattr(facts, fact)) is not None:
                found.update(
                    place for _value, place in rows[: bisect_right(rows, (number, len(rows) * 9_999))]
                )
        for fact, rows in self.most.items():
            if (number := getattr(facts, fact)) is not None:
                found.update(place for _value, place in rows[bisect_left(rows, (number, -1)) :])
        return sorted(found)


def _range_keys(value: str) -> list[tuple[int, str]]:
    """Return the keys by which a range of postcodes is found: its length and each of its first digits."""
    low, _dash, high = value.partition("-")
    size = min(len(low), RANGE_DIGITS)
    return [(len(low), str(number).zfill(size)) for number in range(int(low[:size]), int(high[:size]) + 1)]


def _values(facts: OrderFacts) -> list[tuple[str, str]]:
    """Return the texts of an order that anchors look up."""
    found = [("skus", each) for each in facts.skus]
    found += [("tags", each) for each in facts.tags]
    found += [
        ("postcode", facts.postcode),
        ("method", facts.method),
        ("payment_method", facts.payment_method),
        ("storefront", facts.storefront),
    ]
    return found
