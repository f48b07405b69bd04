"""The amounts of an order that is entered by hand: exact, whatever is entered (R-OFF-01)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms.kit.numbers import digits
from orders.domain.manual.totals import AmountError, Discount, PricedLine, TaxBasis, totals_of

pytestmark = pytest.mark.req("R-OFF-01")
D = Decimal

prices = st.decimals(0, 500, places=2)
percents = st.decimals(0, 100, places=1)
discounts = st.one_of(st.just(Discount()), percents.map(lambda p: Discount(percent=p)))
lines = st.lists(st.builds(PricedLine, st.integers(1, 40), prices, discounts), min_size=1, max_size=6)
bases = st.builds(TaxBasis, percents, st.booleans())


@given(lines, discounts, prices, bases, st.sampled_from(["GBP", "JPY", "KWD"]))
def test_the_parts_add_up_to_the_whole(lines, discount, shipping, tax, currency):
    found = totals_of(lines, discount=discount, shipping=shipping, tax=tax, currency=currency)

    unit = D(1).scaleb(-digits(currency))
    assert sum(line.gross for line in found.lines) == found.items
    assert sum(line.discount for line in found.lines) == found.discount
    assert sum(line.tax for line in found.lines) + found.shipping_tax == found.tax
    base = found.items - found.discount + found.shipping
    assert found.total == (base if tax.is_included else base + found.tax)
    for line in found.lines:
        assert 0 <= line.own_discount <= line.discount <= line.gross
        assert line.tax >= 0
        assert line.gross % unit == line.discount % unit == line.tax % unit == 0
    exact = base * tax.rate / (100 + tax.rate if tax.is_included else 100)
    assert abs(found.tax - exact) <= unit / 2


@given(lines, st.decimals(0, 300, places=2), bases)
def test_an_amount_off_the_order_is_shared_by_what_the_lines_cost(lines, amount, tax):
    charged = [line.net for line in totals_of(lines, tax=tax, currency="GBP").lines]
    if amount > sum(charged):
        with pytest.raises(AmountError) as error:
            totals_of(lines, discount=Discount(amount), tax=tax, currency="GBP")
        assert error.value.field == "discount"
        return

    found = totals_of(lines, discount=Discount(amount), tax=tax, currency="GBP")

    for before, line in zip(charged, found.lines, strict=True):
        share = line.discount - line.own_discount
        if sum(charged):
            assert abs(share - amount * before / sum(charged)) < D("0.01")
        assert share <= before


def test_one_order_by_hand():
    """3 mugs at 12.00 less 10 %, a tee at 24.00 less 1.50, 5.00 off the order, 3.95 shipping, 20 % included."""
    found = totals_of(
        [
            PricedLine(3, D("12.00"), Discount(percent=D(10))),
            PricedLine(1, D("24.00"), Discount(D("1.50"))),
        ],
        discount=Discount(D("5.00")),
        shipping=D("3.95"),
        tax=TaxBasis(D(20)),
        currency="GBP",
    )

    assert [(line.gross, line.own_discount, line.discount) for line in found.lines] == [
        (D("36.00"), D("3.60"), D("6.55")),  # 5.00 × 32.40 / 54.90 = 2.9508
        (D("24.00"), D("1.50"), D("3.55")),
    ]
    assert (found.items, found.discount, found.shipping) == (D("60.00"), D("10.10"), D("3.95"))
    assert (found.tax, found.total) == (D("8.98"), D("53.85"))


@pytest.mark.parametrize(
    ("line", "more", "field"),
    [
        (PricedLine(1, D("-1")), {}, "lines.0.price"),
        (PricedLine(1, D(5), Discount(D("5.01"))), {}, "lines.0.discount"),
        (PricedLine(1, D(5), Discount(percent=D(101))), {}, "lines.0.discount"),
        (PricedLine(1, D(5), Discount(D(-1))), {}, "lines.0.discount"),
        (PricedLine(1, D(5)), {"shipping": D(-1)}, "shipping"),
        (PricedLine(1, D(5)), {"discount": Discount(D("5.01"))}, "discount"),
    ],
)
def test_what_is_not_possible_names_its_field(line, more, field):
    with pytest.raises(AmountError) as error:
        totals_of([line], currency="GBP", **more)
    assert error.value.field == field
