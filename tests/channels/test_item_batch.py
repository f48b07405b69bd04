"""A batch of items: cut into calls, one outcome for each update, in their order."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from channels.contract.batches import ItemBatch
from channels.contract.errors import Rejected, TemporaryError


class Shop:
    """Notes its calls; refuses the values it is told to, as items or as whole calls."""

    def __init__(self, *bad: int, is_whole: bool = False) -> None:
        self.bad, self.is_whole = bad, is_whole
        self.calls: list[list[int]] = []

    def send(self, items: Sequence[dict[str, Any]]) -> list[Exception | None]:
        values = [item["value"] for item in items]
        self.calls.append(values)
        if self.is_whole and set(values) & set(self.bad):
            raise Rejected("The call is refused.")
        return [Rejected(f"{value} is refused.") if value in self.bad else None for value in values]


def batch(shop: Shop, values: Sequence[int], size: int = 2, **options: Any) -> ItemBatch:
    made = ItemBatch(shop.send, size, **options)
    for value in values:
        made.add(f"r{value}", partial(dict, value=value))
    return made


def words(made: ItemBatch) -> list[tuple[str, str]]:
    return [(outcome.ref, str(outcome.error or "")) for outcome in made.send()]


def test_each_update_has_one_outcome_in_order_and_a_bad_one_hurts_no_other():
    shop = Shop(2)

    assert words(batch(shop, [1, 2, 3])) == [("r1", ""), ("r2", "2 is refused."), ("r3", "")]
    assert shop.calls == [[1, 2], [3]]


def test_an_item_that_cannot_be_made_is_not_sent():
    shop, made = Shop(), ItemBatch(Shop().send, 5)

    def broken() -> dict[str, Any]:
        raise Rejected("No price.")

    made = ItemBatch(shop.send, 5)
    made.add("a", broken)
    made.add("b", lambda: {"value": 1})

    assert words(made) == [("a", "No price."), ("b", "")]
    assert shop.calls == [[1]]


def test_an_item_of_several_updates_gives_them_its_error_once():
    shop = Shop(2, 9)
    made = batch(shop, [1, 2], size=10)
    made.add_for(["r1", "r2"], {"value": 9})

    assert words(made) == [("r1", "9 is refused."), ("r2", "2 is refused.")]


def test_a_call_that_is_refused_as_a_whole_is_halved_until_the_bad_item_is_alone():
    shop = Shop(3, is_whole=True)

    assert words(batch(shop, [1, 2, 3, 4], size=4, halve=True)) == [
        ("r1", ""),
        ("r2", ""),
        ("r3", "The call is refused."),
        ("r4", ""),
    ]
    assert shop.calls == [[1, 2, 3, 4], [1, 2], [3, 4], [3], [4]]


def test_without_halving_a_refused_call_ends_the_batch():
    with pytest.raises(Rejected, match="The call is refused"):
        batch(Shop(3, is_whole=True), [1, 3]).send()


def test_a_fault_of_the_line_ends_the_batch():
    def broken(items: Sequence[dict[str, Any]]) -> list[Exception | None]:
        raise TemporaryError("No answer.")

    made = ItemBatch(broken, 2, halve=True)
    made.add("a", lambda: {"value": 1})

    with pytest.raises(TemporaryError):
        made.send()


def test_nothing_to_send_makes_no_call():
    shop = Shop()

    assert batch(shop, []).send() == []
    assert shop.calls == []
