"""How much of what is available is offered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.offers.limits import Limits, offered_units, steps

units = st.integers(min_value=0, max_value=100_000)
limit = st.none() | units
limits = st.builds(
    Limits,
    limit,
    st.none() | st.integers(min_value=0, max_value=100),
    limit,
    st.booleans(),
    st.booleans(),
    limit,
)


@pytest.mark.req("R-INV-04")
@pytest.mark.parametrize(
    ("available", "wanted", "shown"),
    [
        (10, Limits(), 10),
        (10, Limits(buffer=3), 7),
        (2, Limits(buffer=3), 0),
        (10, Limits(percentage=50), 5),
        (5, Limits(percentage=50), 2),
        (10, Limits(cap=4), 4),
        (10, Limits(buffer=1, percentage=50, cap=3), 3),
        (10, Limits(buffer=1, percentage=50), 4),
        (10, Limits(percentage=0), 0),
        (10, Limits(cap=0), 0),
        (2000, Limits(most=999), 999),
        (10, Limits(most=999), 10),
        (2000, Limits(percentage=50, cap=1500, most=999), 999),
        (10, Limits(stopped=True), 0),
        (10, Limits(holiday=True), 0),
    ],
)
def test_examples(available: int, wanted: Limits, shown: int) -> None:
    assert offered_units(available, wanted) == shown


@pytest.mark.req("R-INV-04")
@given(available=units, wanted=limits)
def test_never_more_than_available_and_never_below_nothing(available: int, wanted: Limits) -> None:
    assert 0 <= offered_units(available, wanted) <= available


@given(available=units, wanted=limits)
def test_more_stock_never_lowers_an_offer(available: int, wanted: Limits) -> None:
    assert offered_units(available, wanted) <= offered_units(available + 1, wanted)


@pytest.mark.req("R-INV-07")
@given(available=units, wanted=limits)
def test_the_steps_end_at_the_offer(available: int, wanted: Limits) -> None:
    told = steps(available, wanted)
    assert told[0] == ("available", available)
    assert told[-1][1] == offered_units(available, wanted)
    assert [units for _name, units in told] == sorted((units for _name, units in told), reverse=True)


def test_the_channels_own_maximum_is_named_only_where_it_lowers_something() -> None:
    assert steps(10, Limits(most=999)) == [("available", 10)]
    assert steps(2000, Limits(most=999)) == [("available", 2000), ("most", 999)]
    assert steps(2000, Limits(cap=5, most=999)) == [("available", 2000), ("cap", 5)]
