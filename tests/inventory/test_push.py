"""What each store is told: absolute figures, one outcome per message, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from catalogue.models import ListingVariant
from catalogue.services import listings as catalogue
from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import Rejected, TemporaryError
from channels.contract.records.updates import Outcome, StockUpdate
from channels.models import Connection, OutboxMessage
from inventory import callbacks, push
from inventory.errors import QuantityError, StockError
from inventory.models import StockItem
from inventory.offers import compute
from inventory.offers.explain import explain
from inventory.services import adjust, selling_limits
from oms.kit.authors.actors import SYSTEM
from tests import factories

pytestmark = pytest.mark.django_db


class Shelf(ChannelAdapter):
    """A channel that remembers what it was told, and refuses the SKUs it is asked to."""

    def __init__(self, connection: Connection, refuses: Sequence[str] = (), fails: bool = False) -> None:
        super().__init__(connection)
        self.calls: list[list[StockUpdate]] = []
        self.refuses, self.fails = refuses, fails

    def push_stock(self, updates: Sequence[StockUpdate]) -> Sequence[Outcome]:
        if self.fails:
            raise TemporaryError("The shop is away.")
        self.calls.append(list(updates))
        return [
            Outcome(update.ref, Rejected("No such product.") if update.sku in self.refuses else None)
            for update in reversed(updates)
        ]


def messages(*rows: ListingVariant) -> list[OutboxMessage]:
    return [
        OutboxMessage.objects.get_or_create(
            connection=row.connection, kind="state", topic="stock", lane="stock", subject=row.pk
        )[0]
        for row in rows
    ]


def shelf(sku: str, shop: Connection, units: int, **fields: Any) -> ListingVariant:
    of = factories.stocked(sku, leeds=units)
    return factories.listed(of, shop, **fields)


@pytest.mark.req("R-INV-01", "R-INV-02")
def test_the_present_figures_go_out_together_and_each_answer_is_kept() -> None:
    shop = factories.store(maps={"leeds": 1})
    mug, cup = shelf("MUG", shop, 4, external_id="7-1"), shelf("CUP", shop, 9)
    StockItem.objects.filter(variant=mug.variant).update(allocated=1)
    adapter = Shelf(shop, refuses=["CUP"])
    told = messages(mug, cup)
    outcomes = push.StockHandler().send(shop, told, adapter)
    assert [(one.ref, one.ok) for one in outcomes] == [(str(told[0].pk), True), (str(told[1].pk), False)]
    assert adapter.calls == [
        [
            StockUpdate(str(told[0].pk), "7-1", "7-1", "MUG", 3),
            StockUpdate(str(told[1].pk), cup.listing.external_id, cup.external_id, "CUP", 9),
        ]
    ]
    mug.refresh_from_db()
    cup.refresh_from_db()
    assert (mug.sent_quantity, mug.answer, mug.sent_at is None) == (3, "", False)
    assert (cup.sent_quantity, cup.answer, cup.sent_at) == (None, "No such product.", None)


@pytest.mark.req("R-INV-01")
def test_a_call_that_fails_as_a_whole_changes_nothing_here() -> None:
    shop = factories.store(maps={"leeds": 1})
    mug = shelf("MUG", shop, 4)
    with pytest.raises(TemporaryError):
        push.StockHandler().send(shop, messages(mug), Shelf(shop, fails=True))
    mug.refresh_from_db()
    assert (mug.sent_quantity, mug.sent_at) == (None, None)


def test_what_the_store_cannot_be_told_is_done_without_a_call() -> None:
    shop = factories.store(maps={"leeds": 1})
    mug, cup = shelf("MUG", shop, 4), shelf("CUP", shop, 4)
    mug.listing.stock_blocked = "Two options share the stock."
    mug.listing.save()
    ListingVariant.objects.filter(pk=cup.pk).update(external_id="")
    adapter = Shelf(shop)
    outcomes = push.StockHandler().send(shop, messages(mug, cup), adapter)
    assert [(one.ok, one.note) for one in outcomes] == [
        (True, "Two options share the stock."),
        (True, "No longer listed in the store."),
    ]
    assert adapter.calls == []


def test_a_store_that_deducts_by_itself_is_always_sent_the_figure() -> None:
    """A sale there and a receipt here may leave our figure as it was, and theirs not."""
    shop = factories.store(maps={"leeds": 1})
    mug = shelf("MUG", shop, 4)
    adapter = Shelf(shop)
    for _time in range(2):
        push.StockHandler().send(shop, messages(mug), adapter)
    assert [update.quantity for call in adapter.calls for update in call] == [4, 4]


@pytest.mark.req("R-INV-03")
def test_a_store_shows_the_stock_of_its_own_warehouses() -> None:
    shop = factories.store(maps={"leeds": 1, "york": 2})
    mug = factories.stocked("MUG", leeds=4, york=2, paris=50)
    listed = factories.listed(mug, shop)
    assert compute.offer_of(listed).quantity == 6
    york = factories.warehouse("york")
    york.is_active = False
    york.save()
    assert compute.offer_of(listed).quantity == 4


@pytest.mark.req("R-INV-07")
def test_stop_selling_offers_nothing_and_leaves_the_stock() -> None:
    shop, other = factories.store(maps={"leeds": 1}), factories.store("Other", maps={"leeds": 1})
    mug = shelf("MUG", shop, 4)
    there = factories.listed(mug.variant, other)

    def shown() -> list[int]:
        rows = ListingVariant.objects.filter(pk__in=[mug.pk, there.pk]).order_by("pk")
        return [compute.offer_of(row).quantity for row in rows]

    catalogue.stop_selling(listing_variants=[mug])
    assert shown() == [0, 4]
    catalogue.stop_selling(listing_variants=[mug], stopped=False)
    catalogue.stop_selling(variants=[mug.variant])
    assert shown() == [0, 0]
    catalogue.stop_selling(variants=[mug.variant], stopped=False)
    selling_limits.set_holiday(other, is_holiday=True)
    assert shown() == [4, 0]
    assert StockItem.objects.get().on_hand == 4
    told = (
        OutboxMessage.objects.filter(topic="stock").order_by("connection").values_list("connection", "wanted")
    )
    assert list(told) == [(shop.pk, 4), (other.pk, 5)]


@pytest.mark.req("R-INV-04")
def test_limits_of_a_sku_go_before_those_of_its_store() -> None:
    shop = factories.store(maps={"leeds": 1})
    mug, cup = shelf("MUG", shop, 10), shelf("CUP", shop, 10)
    selling_limits.set_policy(shop, buffer="2", percentage=50)
    selling_limits.set_policy(shop, listing_variant=cup, buffer=0, cap=3)
    offers = compute.offers(shop)
    assert [offers[row.pk].quantity for row in (mug, cup)] == [4, 3]
    with pytest.raises(QuantityError, match="A percentage must be between 0 and 100"):
        selling_limits.set_policy(shop, percentage=101)
    with pytest.raises(QuantityError, match="not a whole number"):
        selling_limits.set_policy(shop, buffer="1.5")


@pytest.mark.req("R-INV-02")
def test_sync_stock_takes_all_or_the_chosen_skus() -> None:
    shop = factories.store(maps={"leeds": 1})
    mug, cup = shelf("MUG", shop, 4), shelf("CUP", shop, 4)
    assert list(push.subjects_of(shop)) == [mug.pk, cup.pk]
    assert list(push.subjects_of(shop, [" cup"])) == [cup.pk]
    with pytest.raises(StockError, match="Shop has no SKU “NONE” whose stock can be sent"):
        push.subjects_of(shop, ["MUG", "NONE"])


def test_the_plan_says_old_new_and_why() -> None:
    shop = factories.store(maps={"leeds": 1})
    mug = shelf("MUG", shop, 10, remote_quantity=7)
    selling_limits.set_policy(shop, buffer=2)
    line = push.StockHandler().plan(shop, messages(mug))[0]
    assert (line.what, line.old, line.new, line.why) == (
        "Stock of MUG",
        "7",
        "8",
        "10 on hand, 0 allocated, buffer 2",
    )


def test_an_offered_number_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = factories.store(maps={"leeds": 1})
    mug = shelf("MUG", shop, 10)
    factories.stocked("MUG", paris=3)
    item = StockItem.objects.get(warehouse__code="leeds")
    StockItem.objects.filter(pk=item.pk).update(allocated=4)
    holder = callbacks.Holder(item.pk, 1, "#1001", 4, shop.pk, item.updated_at)
    monkeypatch.setattr(callbacks, "_holders", [lambda ids: [holder]])
    selling_limits.set_policy(shop, buffer=1, cap=3)
    told = explain(mug)
    assert [(step.label, step.units) for step in told.steps] == [
        ("10 on hand − 4 allocated to orders = available", 6),
        ("Minus the buffer of 1", 5),
        ("At most 3, the limit of the store or SKU", 3),
    ]
    assert [(shelf.warehouse, shelf.available, list(shelf.holders)) for shelf in told.warehouses] == [
        ("Leeds", 6, [holder])
    ]
    assert [shelf.warehouse for shelf in told.other_warehouses] == ["Paris"]
    assert (told.offer.quantity, told.sentence) == (3, "Waiting to be sent: 3.")


@pytest.mark.req("R-INV-01")
def test_a_store_that_is_not_pushed_to_yet_says_so() -> None:
    shop = factories.store(maps={"leeds": 1}, is_read_only=True)
    mug = shelf("MUG", shop, 10)
    adjust.adjust(variant=mug.variant, warehouse=factories.warehouse(), delta=1, reason="x", by=SYSTEM)
    assert explain(mug).sentence == "Not sent: the store is read-only. It would be offered 11."
    assert OutboxMessage.objects.get().wanted == 1
