"""Bills: the charges add up to the channel's total, and VAT by rate is right, whatever the channel states."""

from __future__ import annotations

from decimal import Decimal

import pytest

from channels.models import Connection
from orders.documents.contents.bills import bill_of, rate_for
from orders.documents.credits import partial
from orders.models import DocumentSettings, Order, OrderLine

pytestmark = pytest.mark.req("R-SHIP-05")


def seller(**fields) -> DocumentSettings:
    return DocumentSettings(connection=Connection(name="Fern"), **({"vat_scheme": "standard"} | fields))


def order(total, **fields) -> Order:
    values = {"currency": "GBP", "country": "GB", "total": Decimal(total), **fields}
    return Order(**{name: Decimal(v) if name.endswith("_total") else v for name, v in values.items()})


def line(total, tax="0", quantity=1) -> OrderLine:
    return OrderLine(
        total=Decimal(total), tax=Decimal(tax), quantity=quantity, unit_price=Decimal(total) / quantity
    )


def sums(bill) -> list[tuple[str, str, str]]:
    return [(str(one.rate), f"{one.net:.2f}", f"{one.tax:.2f}") for one in bill.rates]


def test_tax_of_lines_is_grouped_by_rate():
    bill = bill_of(order("154", tax_total="14"), [line("50", "10"), line("80", "4"), line("10")], seller())

    assert sums(bill) == [("20", "50.00", "10.00"), ("5", "80.00", "4.00"), ("0", "10.00", "0.00")]
    assert bill.total == Decimal(154)


def test_what_is_left_of_the_tax_belongs_to_shipping():
    bill = bill_of(order("126", tax_total="21", shipping_total="5"), [line("100", "20")], seller())

    assert sums(bill) == [("20", "105.00", "21.00")]


def test_prices_with_tax_are_split():
    bill = bill_of(order("120", tax_total="20", prices_include_tax=True), [line("120", "20", 3)], seller())

    assert sums(bill) == [("20", "100.00", "20.00")]
    assert bill.charges[0].net == Decimal(100)


def test_one_rate_where_only_the_order_has_tax():
    bill = bill_of(order("24.05", tax_total="4.01"), [line("9.99"), line("10.05")], seller())

    assert sums(bill) == [("20", "20.04", "4.01")]
    assert [charge.tax for charge in bill.charges] == [Decimal("2.00"), Decimal("2.01")]


def test_contained_vat_where_the_channel_states_none():
    lines = [line("3.33") for _number in range(3)]
    bill = bill_of(order("9.99"), lines, seller(vat_rate=Decimal(20)))

    assert sums(bill) == [("20", "8.32", "1.67")]
    assert sum(charge.gross for charge in bill.charges) == Decimal("9.99")


def test_nothing_is_contained_in_a_sale_abroad():
    bill = bill_of(order("9.99", country="US"), [line("9.99")], seller(vat_rate=Decimal(20)))

    assert sums(bill) == [("0", "9.99", "0.00")]


def test_a_discount_is_shared_over_the_rates_by_their_amounts():
    bill = bill_of(
        order("150", tax_total="15", discount_total="15"), [line("50", "10"), line("100", "5")], seller()
    )

    assert sums(bill) == [("20", "45.00", "10.00"), ("5", "90.00", "5.00")]
    assert bill.total == Decimal(150)


def test_tax_that_was_computed_after_the_discount_has_the_usual_rates_too():
    lines = [line("50", "9"), line("100", "4.50")]
    bill = bill_of(order("148.50", tax_total="13.50", discount_total="15"), lines, seller())

    assert sums(bill) == [("20", "45.00", "9.00"), ("5", "90.00", "4.50")]


def test_parts_that_do_not_close_get_a_row_of_their_own():
    bill = bill_of(order("12"), [line("10")], seller(vat_scheme="none"))

    assert [(charge.what, charge.net, charge.rate) for charge in bill.charges] == [
        ("line", Decimal(10), None),
        ("other", Decimal(2), None),
    ]
    assert bill.rates == []


def test_a_seller_without_vat_shows_tax_that_the_channel_collected():
    bill = bill_of(order("11", tax_total="1"), [line("10", "1")], seller(vat_scheme="none"))

    assert [charge.what for charge in bill.charges] == ["line", "tax_collected"]
    assert bill.total == Decimal(11)


@pytest.mark.parametrize(
    ("tax", "net", "rate"),
    [("1.67", "8.32", "20"), ("0.55", "10", "5.5"), ("1.90", "10", "19.0"), ("0", "5", "0")],
)
def test_a_computed_rate_is_taken_for_the_usual_one(tax, net, rate):
    assert rate_for(Decimal(tax), Decimal(net)) == Decimal(rate)


def test_a_part_of_an_invoice_is_shared_over_its_rates_to_the_penny():
    bill = partial([["20", "50.00", "10.00"], ["5", "80.00", "4.00"]], Decimal("10.01"), "GBP")

    assert bill.total == Decimal("10.01")
    assert sums(bill) == [("20", "3.48", "0.69"), ("5", "5.56", "0.28")]
