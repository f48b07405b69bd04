"""What must be true when everything has come to rest: sums by SQL, the figures of the shops, and what they were sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from contrib.trials.desk import Desk
from contrib.trials.installation import Shops


@dataclass
class Check:
    """A check: how many things it looked at, and what is wrong."""

    name: str
    looked_at: int
    wrong: list[str]


#: Name -> statement; its rows are what is wrong. The first column says where.
SUMS = {
    "on hand is the sum of its movements": (
        "SELECT count(*) FROM inventory_stockitem",
        (
            "SELECT i.id, i.on_hand, COALESCE(SUM(m.quantity), 0) FROM inventory_stockitem i LEFT JOIN inventory_stockmovement m "
            "ON m.stock_item_id = i.id GROUP BY i.id, i.on_hand HAVING i.on_hand <> COALESCE(SUM(m.quantity), 0)"
        ),
    ),
    "allocated is the sum of open allocations": (
        "SELECT count(*) FROM inventory_stockitem",
        (
            "SELECT i.id, i.allocated, COALESCE(SUM(a.quantity), 0) FROM inventory_stockitem i LEFT JOIN orders_allocation a "
            "ON a.stock_item_id = i.id AND a.state = 'open' GROUP BY i.id, i.allocated "
            "HAVING i.allocated <> COALESCE(SUM(a.quantity), 0)"
        ),
    ),
    "allocated is at most on hand": (
        "SELECT count(*) FROM inventory_stockitem",
        "SELECT id, on_hand, allocated FROM inventory_stockitem WHERE allocated < 0 OR allocated > on_hand",
    ),
    "a line's shipped units are those of its shipments": (
        "SELECT count(*) FROM orders_orderline",
        (
            "SELECT l.id, l.shipped, COALESCE(SUM(s.quantity), 0) FROM orders_orderline l LEFT JOIN (SELECT sl.line_id, sl.quantity "
            "FROM orders_shipmentline sl JOIN orders_shipment sh ON sh.id = sl.shipment_id WHERE sh.handed_over_at IS NOT NULL) s "
            "ON s.line_id = l.id GROUP BY l.id, l.shipped HAVING l.shipped <> COALESCE(SUM(s.quantity), 0)"
        ),
    ),
    "an order has left the stock once": (
        "SELECT count(*) FROM orders_order",
        (
            "SELECT o.id, o.number, count(*) FROM orders_order o JOIN orders_orderevent e ON e.order_id = o.id "
            "AND e.kind = 'hand_over' GROUP BY o.id, o.number HAVING count(*) > 1"
        ),
    ),
}


def _rows(statement: str) -> list[tuple[Any, ...]]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def _by_sql() -> Iterable[Check]:
    for name, (count, wrong) in SUMS.items():
        yield Check(name, int(_rows(count)[0][0]), [str(row) for row in _rows(wrong)])


def _stored_once(shops: Shops) -> Check:
    found = Counter(
        _rows(
            "SELECT c.name, o.external_id FROM orders_order o JOIN channels_connection c ON c.id = o.connection_id"
        )
    )
    wrong = [
        f"{channel} {number}: stored {found[(channel, number)]} times"
        for channel, numbers in shops.placed.items()
        for number in numbers
        if found[(channel, number)] != 1
    ]
    extra = len(found) - sum(map(len, shops.placed.values()))
    if extra:
        wrong.append(f"{extra} orders that no shop has")
    return Check("each order of a shop is stored once", sum(map(len, shops.placed.values())), wrong)


def _shown(stores: list[Any]) -> Check:
    """Compare what each shop answers over its API with what its SKUs have available, summed by SQL."""
    from channels.contract.records.pages import PullQuery
    from channels.models import Connection
    from channels.pull import runner

    available = dict(
        _rows(
            "SELECT v.sku, SUM(i.on_hand - i.allocated) FROM inventory_stockitem i JOIN catalogue_variant v "
            "ON v.id = i.variant_id GROUP BY v.sku"
        )
    )
    looked_at, wrong = 0, []
    for store in stores:
        adapter, page = runner.adapter_of(Connection.objects.get(pk=store.pk)), None
        while True:
            answer = adapter.pull_products(PullQuery(), page)
            for record in answer.records:
                for row in record.variants:
                    looked_at += 1
                    if row.quantity != available.get(row.sku):
                        wrong.append(
                            f"{store.channel} {row.sku}: {row.quantity}, available {available.get(row.sku)}"
                        )
            page = answer.next_page
            if page is None:
                break
    return Check("each shop shows what is available", looked_at, wrong)


def _acted_once(desk: Desk) -> Check:
    found = Counter(
        row[0] for row in _rows("SELECT reason FROM inventory_stockmovement WHERE reason LIKE 'trial %'")
    )
    waiting = {call.body.get("reason") for call in desk.waiting}
    wrong = [
        f"{reason}: {found[reason]} times"
        for reason in desk.adjusted
        if reason not in waiting and found[reason] != 1
    ]
    wrong += [
        f"{reason}: {count} times" for reason, count in found.items() if count > 1 and reason in waiting
    ]
    return Check("each call of the API acted once", len(desk.adjusted), wrong)


# ---------------------------------------------------------------- what the shops were sent


def _parcels(shops: Shops) -> dict[str, Counter[str]]:
    """Return, for each shop, how often each thing was accepted that must be sent once: by order and thing."""
    return {
        key: Counter(_accepted(key.rstrip("0123456789"), running.sandbox))
        for key, running in shops.running.items()
    }


def _accepted(channel: str, sandbox: Any) -> Iterator[str]:
    if channel == "opencart":
        for order in sandbox.shop.orders.values():
            yield from (f"{order['order_id']}: status {row['status_id']}" for row in order["history"])
    elif channel == "bigcommerce":
        for order in sandbox.shop.orders.values():
            yield from (f"{order['id']}: parcel {row['tracking_number']}" for row in order["shipments"])
    elif channel == "etsy":
        for receipt in sandbox.shop.receipts.values():
            yield from (
                f"{receipt['receipt_id']}: parcel {row['tracking_code']}" for row in receipt["shipments"]
            )
    else:
        for order in sandbox.market.orders.values():
            for line in order["products"]:
                times = -(-line["quantity_dispatched"] // line["quantity"])
                yield from [f"{order['order_id']}: line {line['onbuy_internal_reference']}"] * times


def _shipped_there(channel: str, sandbox: Any) -> set[str]:
    """Return the orders that the shop shows as shipped."""
    if channel == "opencart":
        return {
            str(order["order_id"]) for order in sandbox.shop.orders.values() if int(order["status_id"]) == 3
        }
    if channel == "bigcommerce":
        return {str(order["id"]) for order in sandbox.shop.orders.values() if order["shipments"]}
    if channel == "etsy":
        return {str(row["receipt_id"]) for row in sandbox.shop.receipts.values() if row["shipments"]}
    orders = sandbox.market.orders.values()
    return {
        str(order["order_id"])
        for order in orders
        if all(line["quantity_dispatched"] >= line["quantity"] for line in order["products"])
    }


def _sent_once(shops: Shops) -> Check:
    found = _parcels(shops)
    wrong = [
        f"{channel} {what}: {count} times"
        for channel, rows in found.items()
        for what, count in rows.items()
        if count > 1
    ]
    return Check("nothing was sent twice (state of the shops)", sum(map(len, found.values())), wrong)


def _requested_once(shops: Shops) -> Check:
    """Count the requests that a shop accepted and that make something new: a parcel for an order."""
    accepted: Counter[str] = Counter()
    for channel, running in shops.running.items():
        for request in list(running.sandbox.requests):
            target = request["target"].partition("?")[0]
            is_parcel = target.endswith(("/shipments", "/tracking"))
            if request["method"] == "POST" and request["status"] < 300 and is_parcel:
                accepted[f"{channel} {target}"] += 1
    wrong = [f"{what}: {count} times" for what, count in accepted.items() if count > 1]
    return Check("nothing was sent twice (requests of the shops)", sum(accepted.values()), wrong)


def _sent_at_all(shops: Shops) -> Check:
    shipped = _rows(
        "SELECT c.name, o.external_id FROM orders_order o JOIN channels_connection c ON c.id = o.connection_id "
        "WHERE o.shipped_at IS NOT NULL"
    )
    sent = {
        key: _shipped_there(key.rstrip("0123456789"), running.sandbox)
        for key, running in shops.running.items()
    }
    wrong = [
        f"{channel} {number} was not sent" for channel, number in shipped if str(number) not in sent[channel]
    ]
    return Check("each shop was sent what has left", len(shipped), wrong)


def _invariants() -> Check:
    from oms.kit import doctor

    left_out = {"lanes", "freshness", "storage_is_writable", "configuration", "stores"}
    results = doctor.run([name for name in doctor.names() if name not in left_out])
    return Check("doctor", len(results), [f"{one.name}: {one.detail}" for one in results if not one.ok])


def _nothing_failed() -> Check:
    rows = _rows(
        "SELECT id, topic, last_error FROM channels_outboxmessage WHERE parked_at IS NOT NULL AND sent < wanted"
    )
    return Check(
        "no message has failed for good",
        int(_rows("SELECT count(*) FROM channels_outboxmessage")[0][0]),
        [str(row) for row in rows],
    )


def all_checks(shops: Shops, stores: list[Any], desk: Desk) -> list[Check]:
    """Run every check; one that cannot run is wrong too."""
    checks: list[Check] = []
    for work in (
        lambda: list(_by_sql()),
        lambda: [_stored_once(shops)],
        lambda: [_acted_once(desk)],
        lambda: [_sent_once(shops)],
        lambda: [_requested_once(shops)],
        lambda: [_sent_at_all(shops)],
        lambda: [_nothing_failed()],
        lambda: [_invariants()],
        lambda: [_shown(stores)],
    ):
        checks += _guarded(work)
    return checks


def _guarded(work: Callable[[], list[Check]]) -> list[Check]:
    try:
        return work()
    except Exception as error:  # noqa: BLE001 (whatever it is, the other checks run)
        return [Check("a check", 0, [f"could not run: {error!r}"])]
