"""The price of a SKU in a store: rules, rounding, currencies, sale dates; what each is sent when."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogue.errors import CatalogueError
from catalogue.models import ListingVariant
from catalogue.models.price_rule import PriceRule, ending_size, from_json
from catalogue.pricing import explain_price, price_for, price_to_send, store_prices
from catalogue.push import sale_dates
from catalogue.services import price_rules, selling_prices
from channels.models import OutboxMessage
from tests import factories

D = Decimal
amounts = st.decimals("0.01", "9999.99", places=2)
factors = st.decimals("0.05", "5", places=3)
modes = st.sampled_from(["nearest", "up", "down"])


@pytest.mark.parametrize(
    ("rule", "price", "wanted"),
    [
        (PriceRule(factor=D("1.1")), "12.95", "14.25"),  # 14.245: half up
        (PriceRule(factor=D("1.1"), mode="down"), "12.95", "14.24"),
        (PriceRule(ending=D("0.99")), "12.40", "11.99"),
        (PriceRule(ending=D("0.99")), "12.49", "12.99"),
        (PriceRule(ending=D("0.99"), mode="up"), "12.00", "12.99"),
        (PriceRule(ending=D("0.99"), mode="down"), "0.40", "0.99"),  # never below the first one
        (PriceRule(ending=D("9"), mode="up"), "21", "29"),
        (PriceRule(ending=D("0")), "12.40", "12"),
        (PriceRule(step=D("0.05")), "12.43", "12.45"),
        (PriceRule(factor=D(2)), "0", "0"),
    ],
)
@pytest.mark.req("R-PRICE-01")
def test_a_rule_rounds_exactly(rule, price, wanted):
    assert rule.applied(D(price), None, "GBP") == (D(wanted), False)


def test_a_currency_without_minor_unit_is_rounded_to_whole_numbers():
    assert PriceRule(factor=D("1.15")).applied(D(999), None, "JPY")[0] == D(1149)


@settings(max_examples=40, deadline=None)
@given(amounts, factors, modes, st.sampled_from(["0.99", "0.95", "0.00", "9", "9.99", "99"]))
def test_every_price_has_the_ending_and_is_less_than_one_step_away(price, factor, mode, ending):
    rule = PriceRule(factor=factor, mode=mode, ending=D(ending))
    found, _raised = rule.applied(price, None, "GBP")
    size = ending_size(D(ending))
    exact = price * factor
    assert (found - D(ending)) % size == 0
    assert found >= D(ending)
    if found > D(ending):
        assert abs(found - exact) <= (size / 2 if mode == "nearest" else size)
        assert mode != "up" or found >= exact
        assert mode != "down" or found <= exact


@settings(max_examples=40, deadline=None)
@given(amounts, amounts, factors, modes, st.sampled_from([None, "0.99"]), st.integers(0, 200))
def test_no_price_is_below_cost_and_margin(price, cost, factor, mode, ending, margin):
    rule = PriceRule(factor=factor, mode=mode, ending=None if ending is None else D(ending), margin=D(margin))
    found, is_raised = rule.applied(price, cost, "GBP")
    assert found >= cost * (1 + D(margin) / 100)
    assert is_raised or found == rule.applied(price, None, "GBP")[0]


@settings(max_examples=20, deadline=None)
@given(factors, modes, st.one_of(st.none(), amounts), st.booleans())
def test_a_rule_is_stored_without_loss(factor, mode, margin, is_on):
    rule = PriceRule(is_on, factor, mode, D("0.05"), None, margin, "EUR", D("0.8561"))
    assert from_json(rule.as_json()) == rule


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"change": "much"}, "“much” is not a number. Enter the change as a number."),
        ({"change": "-100%"}, "The change must leave a price above 0. Enter a factor such as 1.1, or +10%."),
        ({"ending": ".99", "step": "0.05"}, "Enter a step or an ending, not both."),
        ({"rate": "1.2"}, "To convert prices, enter a currency and a rate above 0."),
        ({"change": "²"}, "“²” is not a number. Enter the change as a number."),
    ],
)
def test_a_rule_that_cannot_be_is_refused(typed, sentence):
    with pytest.raises(CatalogueError) as caught:
        price_rules.read_rule({"mode": "nearest", **typed}, is_on=True)
    assert str(caught.value) == sentence


def test_a_percentage_is_a_factor():
    assert price_rules.read_rule({"mode": "up", "change": "+10 %"}, is_on=True).factor == D("1.1")
    assert price_rules.typed_change(PriceRule(factor=D("0.95"))) == "-5%"


# --- stores


def with_rule(row: ListingVariant, **values) -> ListingVariant:
    price_rules.save_rule(row.connection, PriceRule(is_on=True, **values))
    return ListingVariant.objects.select_related("variant", "listing", "connection").get(pk=row.pk)


@pytest.mark.django_db
@pytest.mark.req("R-PRICE-01", "R-PLUS-08")
def test_the_rule_changes_default_prices_alone_and_every_cause_is_named():
    row = factories.listed("MUG", factories.store("UK"))
    row.variant.price, row.variant.selling_price, row.variant.cost = D(10), D(8), D(9)
    row.variant.save()

    row = with_rule(row, factor=D("1.2"), ending=D("0.99"), margin=D(10))

    assert tuple(price_for(row)) == (D("11.99"), D("9.99"))
    assert [tuple(step) for step in explain_price(row)] == [
        ("Default price", "10.00 / 8.00 GBP"),
        ("Price rule of UK", "11.99 / 9.99 GBP"),
        ("The selling price is lower: the store shows it.", "9.99"),
    ]
    assert store_prices(row.connection, [row.variant_id]) == {row.variant_id: D("9.99")}
    assert OutboxMessage.objects.filter(topic="price", subject=row.pk).count() == 1
    selling_prices.set_price(row, price="20")
    row.refresh_from_db()
    assert tuple(price_for(row)) == (D(20), None)
    assert explain_price(row)[0].what == "The store has its own price. Its price rule is not used."


@pytest.mark.django_db
@pytest.mark.req("R-PRICE-01")
def test_prices_in_another_currency_are_converted_only_by_a_rate():
    row = factories.listed("MUG", factories.store("EU", currency="EUR"))
    with pytest.raises(CatalogueError, match="is in GBP and EU uses EUR"):
        price_for(row)
    row = with_rule(row, from_currency="GBP", rate=D("1.17"))
    assert price_for(row).price == D("11.70")
    row.variant.currency = "USD"
    with pytest.raises(CatalogueError, match="is in USD and EU uses EUR"):
        price_for(row)


@pytest.mark.django_db
@pytest.mark.req("R-PRICE-01")
def test_a_rule_that_is_switched_off_sends_the_default_prices_again():
    row = factories.listed("MUG", factories.store("UK"))
    row = with_rule(row, factor=D(2))
    OutboxMessage.objects.all().delete()
    price_rules.save_rule(row.connection, price_rules.off(price_rules.stored_rule(row.connection)))
    row.connection.refresh_from_db()
    assert price_for(row).price == D(10)
    assert OutboxMessage.objects.filter(topic="price", subject=row.pk).count() == 1
    OutboxMessage.objects.all().delete()
    price_rules.save_rule(row.connection, price_rules.off(price_rules.stored_rule(row.connection)))
    assert OutboxMessage.objects.count() == 0


@pytest.mark.django_db
@pytest.mark.req("R-PRICE-01")
def test_a_selling_price_above_the_price_is_refused():
    row = factories.listed("MUG", factories.store())
    for what in (row, row.variant):
        with pytest.raises(CatalogueError) as caught:
            selling_prices.set_price(what, price="10", selling_price="10.01")
        assert str(caught.value) == "The selling price 10.01 is above the price 10.00. Enter a lower one."
    assert OutboxMessage.objects.count() == 0


@pytest.mark.django_db
@pytest.mark.req("R-PRICE-02")
@pytest.mark.parametrize(
    ("channel", "sent_before"), [("bigcommerce", None), ("etsy", None), ("onbuy", D(8)), ("opencart", D(8))]
)
def test_a_sale_is_in_the_days_of_the_store_and_sent_ahead_where_the_channel_takes_dates(
    channel, sent_before
):
    row = factories.listed("MUG", factories.store(channel=channel, time_zone="Europe/Paris"))
    selling_prices.set_price(row, price="10", selling_price="8")
    selling_prices.set_sale_dates(row, first=date(2030, 7, 1), last=date(2030, 7, 2))
    row.refresh_from_db()
    assert (row.sale_from, row.sale_until) == (
        datetime(2030, 6, 30, 22, tzinfo=UTC),
        datetime(2030, 7, 2, 22, tzinfo=UTC),
    )
    assert selling_prices.sale_days(row) == (date(2030, 7, 1), date(2030, 7, 2))
    assert row.sale_from is not None
    before, during, after = row.sale_from - timedelta(seconds=1), row.sale_from, row.sale_until
    assert [price_for(row, at).selling_price for at in (before, during, after)] == [None, D(8), None]
    assert [price_to_send(row, at).selling_price for at in (before, during, after)] == [
        sent_before,
        D(8),
        None,
    ]
    with pytest.raises(CatalogueError):
        selling_prices.set_sale_dates(row, first=date(2030, 7, 2), last=date(2030, 7, 1))


@pytest.mark.django_db
@pytest.mark.req("R-PRICE-01")
def test_the_start_and_the_end_of_a_sale_are_sent_once(django_assert_num_queries):
    from django.utils import timezone

    now = timezone.now()
    row = factories.listed("MUG", factories.store(), price_sent_at=now - timedelta(hours=3))
    with django_assert_num_queries(2):
        sale_dates.tick()
    assert OutboxMessage.objects.count() == 0

    ListingVariant.objects.filter(pk=row.pk).update(
        sale_from=now - timedelta(hours=1), sale_until=now + timedelta(hours=1)
    )
    sale_dates.tick()
    sale_dates.tick()
    message = OutboxMessage.objects.get(topic="price", subject=row.pk)
    assert message.wanted == 1
    OutboxMessage.objects.all().delete()
    ListingVariant.objects.filter(pk=row.pk).update(price_sent_at=now)
    sale_dates.tick()
    assert OutboxMessage.objects.count() == 0
    ListingVariant.objects.filter(pk=row.pk).update(
        price_sent_at=now - timedelta(minutes=30), sale_until=now - timedelta(minutes=1)
    )
    sale_dates.tick()
    assert OutboxMessage.objects.filter(topic="price", subject=row.pk).count() == 1
