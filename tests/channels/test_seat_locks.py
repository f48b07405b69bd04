"""The lock of the work that a seat is for is taken with it and released with it."""

from __future__ import annotations

from typing import Any

import pytest

from channels.models import WakeUp
from channels.workers import enqueue, locks, seats
from tests.channels.fakes import store
from tests.channels.test_seats import ask, slow, workers

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("engine"),
    pytest.mark.fault("F-50"),
]


def test_work_without_a_seat_is_not_locked_and_stays_unanswered(settings: Any) -> None:
    workers(settings, 3)
    one, other = store(), store("Other", where="shop-2")
    slow(one)
    slow(other)
    for connection in (one, other):
        work = enqueue.push_key(connection.pk, "orders")
        ask(work)
        with seats.seat(one.pk, "orders") as seat:
            assert seat is not None
            with seats.seat(connection.pk, "orders", work=work) as refused:
                assert refused is None
            row = WakeUp.objects.get(key=work)
            assert (row.lease_token, row.asked_at is None) == ("", False)
            assert not enqueue._may_enqueue(work)


def test_a_seat_is_taken_and_left_with_the_lock_of_its_work() -> None:
    connection = store()
    work = enqueue.push_key(connection.pk, "stock")
    ask(work)
    with seats.seat(connection.pk, "stock", work=work) as seat:
        assert seat is not None
        assert seat.work is not None
        assert locks.acquire(work) is None
        assert enqueue._may_enqueue(work) == {work}, "it counts as answered"
        seat.release()
        token = locks.acquire(work)
        assert token is not None, "before the seat is left"
        with seats.seat(connection.pk, "stock", work=work) as second:
            assert second is not None, "another worker's lock of the work does not keep the seat"
            assert second.work is None
    assert WakeUp.objects.get(key=work).lease_token == token, "only its own lock is released"
