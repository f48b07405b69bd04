"""What it costs to send one quantity; pinned."""

from __future__ import annotations

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from channels import tasks
from channels.models import OutboxMessage, WakeUp
from channels.push import outbox
from channels.push.topics import Topic
from inventory.push import StockHandler
from tests import factories
from tests.channels.fakes import FakeShop, store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine", "rings")]


@pytest.mark.db
def test_sending_one_quantity_takes_11_statements_and_no_search_for_others(shop: FakeShop) -> None:
    outbox.register_handler(Topic.STOCK, StockHandler())
    connection = store()
    mug = factories.stocked("MUG", leeds=3)
    factories.serve(connection, "leeds")
    listed = factories.listed(mug, connection)

    def sent() -> list[str]:
        outbox.touch(Topic.STOCK, [(connection.pk, listed.pk)])
        with CaptureQueriesContext(database) as asked:
            tasks.drain(connection.pk, "stock")
        statements = [query["sql"] for query in asked.captured_queries]
        return [sql for sql in statements if not sql.startswith(("SAVEPOINT", "RELEASE"))]

    sent()  # makes the rows of the locks
    statements = sent()
    assert len(statements) == 11
    assert sum("SKIP LOCKED" in sql for sql in statements) == 1  # the message, and that there is no other
    assert not WakeUp.objects.exclude(lease_token="").exists(), "the seat and the lock are released"
    assert shop.stock == {listed.external_id: 3}
    assert not OutboxMessage.objects.unsent().exists()
