"""Every invariant in the data: the demo keeps them all, and each that is broken behind our back is found."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection as database
from django.db import transaction
from django.db.models import CheckConstraint
from django.test.utils import CaptureQueriesContext

from oms.kit import doctor
from tests import factories
from tests.test_main_flow import ABOUT_NOW, broken_invariants

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo(db: None) -> None:
    call_command("loaddata", "demo", verbosity=0)


def sql(text: str, *values: Any) -> None:
    """As somebody at a database prompt would: no model, no service, and no CHECK on SQLite."""
    is_sqlite = database.vendor == "sqlite"
    with database.cursor() as cursor:
        if is_sqlite:
            cursor.execute("PRAGMA ignore_check_constraints = ON")
        cursor.execute(text, values)
        if is_sqlite:
            cursor.execute("PRAGMA ignore_check_constraints = OFF")


def drop(table: str, name: str, *, is_index: bool = False) -> None:
    with database.cursor() as cursor:
        if is_index:
            cursor.execute(f"DROP INDEX {name}")
        elif database.vendor != "sqlite":
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")


def broken() -> dict[str, str]:
    kept = [name for name in doctor.names() if name not in ABOUT_NOW]
    return {result.name: result.detail for result in doctor.run(kept) if not result.ok}


def test_names_have_one_form_and_the_answer_too(demo: None, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:  # no worker runs in a test
        call_command("doctor", "--json")
    answer = json.loads(capsys.readouterr().out)
    assert (end.value.code, set(answer), answer["ok"]) == (1, {"ok", "checks"}, False)
    names = [check["name"] for check in answer["checks"]]
    assert [name for name in names if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name)] == []
    assert len(names) == len(set(names)) >= 26
    assert {tuple(check) for check in answer["checks"]} == {("name", "ok", "detail")}
    assert {check["name"] for check in answer["checks"] if not check["ok"]} <= {"lanes", "freshness"}


def test_the_demo_passes_every_check(demo: None) -> None:
    assert broken_invariants() == []


#: What is broken, by which statement, and which checks must see it.
FAULTS = {
    "stock appears from nowhere": (
        "UPDATE inventory_stockitem SET on_hand = on_hand + 1 WHERE id = (SELECT min(id) FROM inventory_stockitem)",
        {"stock_on_hand_is_sum_of_movements"},
    ),
    "a movement is edited": (
        ("UPDATE inventory_stockmovement SET quantity = quantity + 1, after = after + 1 "
        "WHERE id = (SELECT min(stock_item_id) FROM inventory_stockmovement)"),
        {"stock_on_hand_is_sum_of_movements"},
    ),
    "a movement is taken out": (
        "DELETE FROM inventory_stockmovement WHERE id = (SELECT min(id) FROM inventory_stockmovement)",
        {"stock_on_hand_is_sum_of_movements"},
    ),
    "a ledger line begins elsewhere": (
        ("UPDATE inventory_stockmovement SET before = before + 5, after = after + 5 "
        "WHERE id = (SELECT min(id) FROM inventory_stockmovement)"),
        {"stock_history_without_gaps"},
    ),
    "units are held for nobody": (
        ("UPDATE inventory_stockitem SET allocated = allocated + 1 WHERE id = "
        "(SELECT min(id) FROM inventory_stockitem WHERE on_hand > allocated)"),
        {"stock_allocated_is_its_allocations"},
    ),
    "an allocation is lost": (
        "DELETE FROM orders_allocation WHERE id = (SELECT min(id) FROM orders_allocation WHERE state = 'open')",
        {"stock_allocated_is_its_allocations", "order_lines_allocated_is_their_allocations"},
    ),
    "a line forgets what it holds": (
        ("UPDATE orders_orderline SET allocated = 0 WHERE id = "
        "(SELECT min(line_id) FROM orders_allocation WHERE state = 'open')"),
        {"order_lines_allocated_is_their_allocations", "order_status_follows_facts"},
    ),
    "a state is typed in": (
        "UPDATE orders_order SET status = 'delivered' WHERE id = (SELECT min(id) FROM orders_order WHERE status = 'new')",
        {"order_status_follows_facts", "order_status_has_event"},
    ),
    "the allocation of an order is typed in": (
        ("UPDATE orders_order SET allocation = 'none' WHERE id = "
        "(SELECT min(id) FROM orders_order WHERE status = 'new' AND allocation = 'full')"),
        {"order_status_follows_facts"},
    ),
    "the timeline is emptied": (
        "DELETE FROM orders_orderevent WHERE order_id = (SELECT min(id) FROM orders_order)",
        {"order_status_has_event"},
    ),
    "a change of state begins elsewhere": (
        ("UPDATE orders_orderevent SET from_status = 'packed' WHERE id = "
        "(SELECT min(id) FROM orders_orderevent WHERE to_status <> '')"),
        {"order_timeline_without_gaps"},
    ),
    "units are miscounted": (
        "UPDATE orders_order SET units = units + 7 WHERE id = (SELECT min(id) FROM orders_order)",
        {"order_units_are_its_lines"},
    ),
    "a badge is wrong": (
        "UPDATE orders_order SET holds_open = holds_open + 1 WHERE id = (SELECT min(id) FROM orders_order)",
        {"order_badges_count_rows"},
    ),
    "a SKU is renamed past its key": (
        "UPDATE catalogue_variant SET sku = 'RENAMED' WHERE id = (SELECT min(id) FROM catalogue_variant)",
        {"skus_have_their_key"},
    ),
    "a listed SKU changes its store": (
        ("UPDATE catalogue_listing SET connection_id = (SELECT max(id) FROM channels_connection) WHERE id = "
        "(SELECT min(id) FROM catalogue_listing WHERE connection_id = (SELECT min(id) FROM channels_connection))"),
        {"listed_skus_in_their_store"},
    ),
    "a problem of no known kind": (
        ("INSERT INTO kit_problem (code, subject_kind, subject_id, key, message, data, resolution, opened_at) "
        "VALUES ('made_up', 'order', 1, '', 'x', '{}', '', '2026-01-01 00:00:00+00:00')"),
        {"problems_are_declared"},
    ),
}  # fmt: skip


@pytest.mark.req("R-INV-05", "R-ORD-06")
def test_broken_data_is_found(demo: None) -> None:
    factories.store()
    for fault, (statement, seen) in FAULTS.items():
        with transaction.atomic(), database.cursor() as cursor:
            cursor.execute(statement)
            assert cursor.rowcount >= 1, f"{fault}: the demo has nothing to break here"
            found = broken()
            transaction.set_rollback(True)
        assert set(found) >= seen, fault
        assert not any(words.startswith("The check could not run") for words in found.values()), fault
    assert broken() == {}


#: table, constraint, statement: a rule that the database enforces, broken with the rule out of the way.
CHECKED = [
    ("inventory_stockitem", "stock_never_sold_twice", "UPDATE inventory_stockitem SET allocated = on_hand + 1"),
    ("inventory_stockitem", "stock_allocated_not_negative", "UPDATE inventory_stockitem SET allocated = -1"),
    ("inventory_stockmovement", "movement_adds_up", "UPDATE inventory_stockmovement SET after = after + 1"),
    ("orders_orderline", "line_counters", "UPDATE orders_orderline SET cancelled = quantity + 1"),
    ("orders_order", "order_cancel_has_party",
     "UPDATE orders_order SET cancelled_at = placed_at, cancel_asked_by = ''"),
    ("catalogue_variant", "variant_has_sku",
     "UPDATE catalogue_variant SET sku_key = '' WHERE id = (SELECT min(id) FROM catalogue_variant)"),
    ("channels_outboxmessage", "outbox_sent_le_wanted",
     ("INSERT INTO channels_outboxmessage (connection_id, kind, topic, lane, priority, subject, key, wanted, sent, step,"
     " attempts, crashes, is_uncertain, lease_token, last_error, is_held, is_written, created_at, changed_at, waiting_since) SELECT min(id),"
     " 'event', 'shipped', 'orders', 1, 1, 'x', 1, 2, '', 0, 0, false, '', '', false, true, '2026-01-01', '2026-01-01', '2026-01-01'"
     " FROM channels_connection")),
]  # fmt: skip


@pytest.mark.req("R-INV-04")
def test_a_row_that_breaks_a_rule_of_the_database_is_found(demo: None) -> None:
    for table, name, statement in CHECKED:
        with transaction.atomic():
            drop(table, name)
            sql(statement)
            found = broken()
            transaction.set_rollback(True)
        assert f"{name} is broken by " in found["rows_obey_constraints"]
        if database.vendor != "sqlite":
            assert name in found["constraints_in_database"]
    assert broken() == {}


TWICE = [
    ("channels_syncrun", "run_one_live", True,
     "UPDATE channels_syncrun SET state = 'running', stream = 'products'"),
    ("catalogue_listing", "listing_once", True, "UPDATE catalogue_listing SET external_id = '1'"),
    ("catalogue_listingvariant", "listing_variant_once", True,
     "UPDATE catalogue_listingvariant SET external_id = '1'"),
]  # fmt: skip
TWICE_ON_POSTGRESQL = [
    ("channels_connection", "connection_one_per_account", False,
     "UPDATE channels_connection SET fingerprint = 'x'"),
    ("orders_order", "order_once", False, "UPDATE orders_order SET external_id = '1'"),
    ("catalogue_listingvariant", "listing_variant_sku_once", False,
     "UPDATE catalogue_listingvariant SET sku_key = 'x'"),
]  # fmt: skip


def _is_found_twice(table: str, name: str, is_index: bool, statement: str) -> bool:
    """Whether the double is found as a row that breaks the rule, and the rule as one that is missing."""
    with transaction.atomic():
        drop(table, name, is_index=is_index)
        sql(statement)
        found = broken()
        transaction.set_rollback(True)
    return (
        f"{name} is broken by " in found["rows_obey_constraints"] and name in found["constraints_in_database"]
    )


@pytest.mark.req("R-ORD-06", "R-CONN-07")
def test_a_duplicate_row_is_found(demo: None) -> None:
    for case in TWICE:
        assert _is_found_twice(*case), case[1]


@pytest.mark.db
def test_a_duplicate_row_is_found_where_sqlite_forbids_it(demo: None) -> None:
    factories.store()
    for case in TWICE_ON_POSTGRESQL:
        assert _is_found_twice(*case), case[1]


def test_credentials_in_plain_text_are_found(demo: None) -> None:
    store = "(SELECT min(id) FROM channels_connection)"
    with database.cursor() as cursor:
        cursor.execute(
            f"UPDATE channels_connection SET credentials = %s WHERE id = {store}",
            [b'{"secret_key": "plain-and-open"}'],
        )
    result = doctor.run(["configuration"])[0]
    assert result.ok is False
    assert "decrypts the credentials of" in result.detail
    assert "plain-and-open" not in result.detail


def test_who_watches_is_told_which_check_runs_and_how_far_it_is() -> None:
    factories.store()
    seen: list[tuple[str, int, int, str]] = []
    chosen = ["stock_history_without_gaps", "order_status_follows_facts"]

    results = doctor.run(chosen, watch=lambda *told: seen.append(told))

    assert [result.name for result in results] == chosen
    assert seen == [("stock_history_without_gaps", 0, 2, ""), ("order_status_follows_facts", 1, 2, "")]
    doctor.note_progress(1, 2)
    assert len(seen) == 2, "nobody watches any more"


def test_rules_that_an_index_holds_are_not_counted_and_conditions_are_read_once() -> None:
    tables = [model for model in apps.get_models() if model._meta.managed and not model._meta.proxy]
    checked = [
        model for model in tables if any(isinstance(one, CheckConstraint) for one in model._meta.constraints)
    ]
    with CaptureQueriesContext(database) as asked:
        assert doctor.rows_obey().ok
    statements = [row["sql"] for row in asked]
    assert len([sql for sql in statements if sql.startswith("SELECT 1 AS")]) == len(checked)
    assert not [sql for sql in statements if "rows_alike" in sql]
