"""Text and amounts as channels write them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from channels.contract import values


@pytest.mark.parametrize("value", ["NaN", "Infinity", "", "1,00", None])
def test_an_amount_that_is_none_is_refused(value):
    with pytest.raises(ValueError, match="is not an amount"):
        values.money(value)


@pytest.mark.parametrize(
    ("value", "amount"), [("12.50", "12.50"), (12.1, "12.1"), (-3, "-3"), ("0.0000", "0.0000")]
)
def test_an_amount_keeps_its_places(value, amount):
    assert str(values.money(value)) == str(Decimal(amount))


@pytest.mark.parametrize(
    ("value", "line"), [(None, ""), (" Cup &amp; saucer ", "Cup & saucer"), (7, "7"), ("&lt;b&gt;", "<b>")]
)
def test_a_line_has_its_entities_resolved(value, line):
    assert values.text(value) == line
