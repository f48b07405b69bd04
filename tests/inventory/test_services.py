"""Shelves and their ledger: what a change writes, and what it refuses."""

from __future__ import annotations

import pytest

from inventory import hooks, services
from inventory.errors import QuantityError, StockError
from inventory.models import StockItem, StockMovement
from oms.kit.actors import SYSTEM, person
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def touched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[tuple[int, int]]]]:
    """What the outbox was asked to send."""
    import sys
    import types

    calls: list[tuple[str, list[tuple[int, int]]]] = []
    fake = types.ModuleType("channels.outbox")
    fake.touch = lambda topic, subjects: calls.append((topic, list(subjects)))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "channels.outbox", fake)
    import channels

    monkeypatch.setattr(channels, "outbox", fake, raising=False)
    return calls


def test_adjust_smoke(touched):
    shop = factories.store(maps={"leeds": 1})
    mug = factories.stocked("MUG", connection=shop, leeds=4)
    item = services.adjust(
        variant=mug, warehouse=factories.warehouse("leeds"), delta=3, reason="found", by=SYSTEM
    )
    assert (item.on_hand, item.allocated) == (7, 0)
    assert touched == [("stock", [(shop.pk, mug.listing_variants.get().pk)])]
