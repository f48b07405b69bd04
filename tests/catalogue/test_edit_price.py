"""One price of a SKU is changed if it is still what the person saw; the new price is sent to the stores."""

from __future__ import annotations

from decimal import Decimal

import pytest

from catalogue.errors import CatalogueError, VariantChanged
from catalogue.models import Variant
from catalogue.services.selling_prices import edit_price
from channels.models import OutboxMessage
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def mug() -> Variant:
    of = factories.variant("MUG", price=Decimal(12), selling_price=Decimal(10))
    factories.listed(of, factories.store())
    OutboxMessage.objects.all().delete()
    return of


def prices() -> tuple[Decimal | None, Decimal | None]:
    row = Variant.objects.get()
    return row.price, row.selling_price


def test_one_price_is_changed_and_the_other_stays(mug):
    edit_price(mug, {"price": "13.50"}, was={"price": "12.00"})

    assert prices() == (Decimal("13.5"), Decimal(10))
    assert OutboxMessage.objects.filter(topic="price").count() == 1


def test_a_price_that_another_person_changed_is_not_overwritten(mug):
    Variant.objects.update(price=Decimal("14.5"))

    with pytest.raises(VariantChanged) as caught:
        edit_price(mug, {"price": "13.50"}, was={"price": "12.00"})

    assert caught.value.now == Decimal("14.5")
    assert prices() == (Decimal("14.5"), Decimal(10))
    assert not OutboxMessage.objects.exists()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"price": "cheap"}, "“cheap” is not an amount. Enter the price as a number such as 12.50."),
        ({"price": ""}, "A selling price needs a price. Enter the price first."),
        ({"cost": "1"}, "“cost” cannot be edited here."),
    ],
)
def test_a_refusal_changes_nothing(mug, changes, sentence):
    with pytest.raises(CatalogueError) as caught:
        edit_price(mug, changes)

    assert str(caught.value) == sentence
    assert prices() == (Decimal(12), Decimal(10))
    assert not OutboxMessage.objects.exists()
