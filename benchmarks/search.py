"""What a search takes on 200,000 orders, against the same search on 1,000, in one run: the list page and the box."""

from __future__ import annotations

import os
import statistics
from functools import partial
from typing import Any

from benchmarks._common import figure, in_own_database, seconds

SMALL, LARGE = 1_000, int(os.environ.get("BENCH_ORDERS", "200000"))
LIST, BOX = "/admin/orders/order/", "/admin/search/results/"
#: What is typed, and how many of 1,000 orders it finds.
SEARCHES = {
    "number": "100700",
    "e-mail": "buyer700@",
    "surname, part": "argreav",
    "first name": "Olivia",
    "two words": "olivia leeds",
    "postcode": "LS6 3BJ",
    "SKU, part": "UG-004",
    "title": "enamel",
    "two letters": "ol",
    "phone": "7700 900700",
    "nothing": "no-such-thing",
}
ORDERS = """
INSERT INTO orders_order (connection_id, external_id, number, status, remote_state, remote_status_id, remote_status_name,
  remote_changed_at, remote_hash, read_at, url, placed_at, currency, items_total, shipping_total, tax_total, discount_total,
  total, prices_include_tax, customer_name, customer_email, customer_phone, ship_to, bill_to, is_address_withheld, country,
  payment_method, shipping_method, buyer_note, gift_message, is_history, stock_deducted, needs_approval, is_paid,
  payment_state, storefront,  cancel_asked_by, cancel_reason, dispatch_to_do, delivery_to_do, allocation, holds_open, problems_open, units)
SELECT %s, i::text, (100000 + i)::text, CASE WHEN i %% 67 = 0 THEN 'new' ELSE 'completed' END, 'new', '2', 'New', now(), '', now(), '',
  now() - i * interval '7 minutes', 'GBP', 20, 0, 0, 0, 20, false,
  (ARRAY['Olivia','Jack','Amelia','José','Chloé','Noah','Zoë','Oscar','Ava','Leo','Mia','Theo','Ivy','Max','Ella','Sam'])[1 + i %% 16]
  || ' ' || (ARRAY['Hargreaves','Smith','Jones','Brown','Taylor','Müller','Marchand','Patel','Khan','Evans','Byrne'])[1 + i / 16 %% 11],
  'buyer' || i || '@example.com', '+44 7700 ' || (900000 + i),
  jsonb_build_object('city', (ARRAY['Leeds','London','York','Dijon','Bath','Hull','Kent'])[1 + i %% 7],
    'postcode', 'LS' || 1 + i %% 30 || ' ' || i %% 9 || 'BJ', 'country', 'GB'), '{}', false, 'GB', '', '', '', '', true, true,
  false, true, 'paid', '', '', '', false, false, 'none', 0, 0, 2
FROM generate_series(%s, %s) i
"""
LINES = """
INSERT INTO orders_orderline (order_id, external_id, position, variant_id, variant_external_id, sku, title, options,
  personalisation, needs_stock, is_counted, quantity, allocated, shipped, cancelled, cancelled_with_order, unit_price, discount, tax, total)
SELECT o.id, n::text, n, NULL, '', (ARRAY['MUG','TEE','TEA','JUG'])[1 + (o.id + n) %% 4] || '-' || lpad(((o.id * 7 + n) %% 5000)::text, 4, '0'),
  (ARRAY['Enamel mug, 350 ml','T-shirt Harbour, organic cotton','Loose leaf tea, 250 g','Stoneware jug, cream'])[1 + (o.id + n) %% 4],
  '{}', '', true, true, 1, 0, 1, 0, 0, 10, 0, 0, 10
FROM orders_order o, generate_series(1, 2) n WHERE o.external_id::int BETWEEN %s AND %s
"""


def fill(store: Any, first: int, last: int) -> None:
    """Make the orders of these numbers in the database, and their search texts as `migrate` does."""
    from django.db import connection

    from oms.kit.search import index
    from orders.unit_of_work import search_text

    one = search_text.INDEX
    with connection.cursor() as cursor:
        cursor.execute(ORDERS, [store.pk, first, last])
        cursor.execute(LINES, [first, last])
        cursor.execute(f'DROP INDEX IF EXISTS "{one.name}"')
        filled = seconds(lambda: index.fill(one))
        built = seconds(lambda: index.ensure(one))
        cursor.execute("ANALYZE")
        cursor.execute("SELECT pg_relation_size(%s), pg_total_relation_size(%s)", [one.name, one.table])
        size, total = cursor.fetchone()
    orders = last - first + 1
    figure("search", "fill", filled / orders * 1e6, "us an order", orders=orders)
    figure(
        "search", "index", built, "s", orders=last, megabytes=size // 2**20, table_megabytes=total // 2**20
    )


def times(client: Any) -> dict[tuple[str, str], tuple[float, float]]:
    """The median of whole answers and of their statements, in seconds, by (where, what)."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    found = {}
    for where, address, more in (
        ("list", LIST, {}),
        ("list, tab New", LIST, {"tab": "new"}),
        ("box", BOX, {}),
    ):
        for what, text in SEARCHES.items():
            whole, database = [], []
            for _round in range(7):
                with CaptureQueriesContext(connection) as queries:
                    whole.append(seconds(partial(client.get, address, {"q": text, **more})))
                database.append(sum(float(query["time"]) for query in queries))
            found[where, what] = statistics.median(whole), statistics.median(database)
    return found


def measure() -> None:
    from django.contrib.auth import get_user_model
    from django.test import Client

    from tests import factories

    client = Client()
    client.force_login(get_user_model().objects.create_superuser("bench"))
    store = factories.store("Shop", maps={"leeds": 1})
    fill(store, 1, SMALL)
    small = times(client)
    fill(store, SMALL + 1, LARGE)
    large = times(client)
    for (where, what), (whole, database) in large.items():
        figure(
            "search",
            f"{where}: {what}",
            whole / small[where, what][0],
            "ratio",
            ms=round(whole * 1000, 1),
            twin_ms=round(small[where, what][0] * 1000, 1),
            database_ms=round(database * 1000, 1),
            twin_database_ms=round(small[where, what][1] * 1000, 1),
        )
    figure("search", "worst", max(large[key][0] / small[key][0] for key in large), "ratio", target=3)


if __name__ == "__main__":
    in_own_database(measure)
