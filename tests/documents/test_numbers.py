"""Numbers of invoices under concurrency, on PostgreSQL: ten people at once, no gap and no number twice."""

from __future__ import annotations

from decimal import Decimal
from threading import Barrier, Thread

import pytest
from django.db import connections, transaction

from orders.documents import issuing, loading
from orders.models import Document, NumberSeries
from tests.documents import shelf
from tests.orders import desk

pytestmark = [pytest.mark.db, pytest.mark.django_db(transaction=True), pytest.mark.req("R-SHIP-05")]


def at_once(count, act):
    """Run `act(number)` in so many threads that begin together; return errors."""
    barrier, errors = Barrier(count), []

    def run(number):
        try:
            barrier.wait(20)
            act(number)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return errors


def test_ten_at_once_get_numbers_without_gaps_though_some_are_rolled_back():
    store = desk.store("Fern")
    shelf.seller(store)
    orders = [shelf.sold(store, release=False) for _number in range(10)]

    def issue(number):
        order = loading.orders_with_lines([orders[number].pk])[orders[number].pk]
        with transaction.atomic():
            issuing.issue_invoice(order, by=desk.DESK)
            if number % 3 == 0:
                raise RuntimeError("this one fails after it took a number")

    errors = at_once(10, issue)

    assert [str(error) for error in errors] == ["this one fails after it took a number"] * 4
    year = NumberSeries.objects.get().year
    numbers = sorted(Document.objects.values_list("number", flat=True))
    assert numbers == [f"INV{year}-{number:06d}" for number in range(1, 7)]
    assert NumberSeries.objects.get().last == 6


def test_one_order_issued_by_eight_people_at_once_has_one_invoice():
    store = desk.store("Fern")
    shelf.seller(store)
    order = shelf.sold(store, release=False)
    found = []

    def issue(number):
        loaded = loading.orders_with_lines([order.pk])[order.pk]
        found.append(issuing.issue_invoice(loaded, by=desk.DESK).pk)

    assert at_once(8, issue) == []
    assert len(set(found)) == 1
    assert Document.objects.count() == NumberSeries.objects.get().last == 1


def test_credit_notes_at_once_never_credit_more_than_the_invoice():
    store = desk.store("Fern")
    shelf.seller(store)
    order = shelf.sold(store, release=False)
    issuing.issue_invoice(loading.orders_with_lines([order.pk])[order.pk], by=desk.DESK)

    errors = at_once(
        4, lambda number: issuing.issue_credit_note(order, amount=Decimal(8), reason="", by=desk.DESK)
    )

    assert len(errors) == 2
    notes = Document.objects.filter(kind="credit_note")
    assert [note.total for note in notes] == [8, 8]
    assert NumberSeries.objects.get(prefix="CN").last == 2
