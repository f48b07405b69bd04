"""Spreadsheets of kits: one row for each component (R-CAT-05, R-USE-02)."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from openpyxl.reader.excel import load_workbook

from catalogue.models import KitComponent, Variant
from catalogue.services.kits import set_components
from channels.models import OutboxMessage
from oms.kit.models import AuditEntry
from orders.models import Order
from tests import factories
from tests.imports.flow import ANNA, applied, checked, confirm, reasons, result, table, undone

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("var_dir"),
    pytest.mark.req("R-CAT-05", "R-USE-02"),
]
HEADINGS = ["Kit SKU", "Component SKU", "Quantity"]


@pytest.fixture(autouse=True)
def skus() -> None:
    for sku in ("MUG", "BOX", "CUP", "GIFT", "TRIO", "DUO"):
        factories.variant(sku)


def kits() -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    rows = KitComponent.objects.order_by("kit__sku", "pk")
    for kit, component, units in rows.values_list("kit__sku", "component__sku", "quantity"):
        found.setdefault(kit, {})[component] = units
    return found


def kit(sku: str, **parts: int) -> None:
    wanted = {Variant.objects.get(sku=name).pk: units for name, units in parts.items()}
    set_components(Variant.objects.get(sku=sku), wanted, by=ANNA)


def test_kits_are_made_changed_left_alone_and_undone() -> None:
    kit("TRIO", MUG=1, CUP=1)
    kit("DUO", MUG=2)
    shop = factories.store("UK Shop")
    factories.listed("GIFT", shop)

    found = applied(
        "kits",
        HEADINGS,
        ["GIFT", "MUG", "2"],
        ["GIFT", "box", "1"],
        ["TRIO", "MUG", "3"],
        ["DUO", "MUG", "2"],
    )

    assert found.counts == {"created": 1, "updated": 1, "unchanged": 1, "rejected": 0}
    assert kits() == {"DUO": {"MUG": 2}, "GIFT": {"MUG": 2, "BOX": 1}, "TRIO": {"MUG": 3}}
    assert OutboxMessage.objects.filter(topic="stock").count() == 1
    assert list(found.staged.order_by("row").values_list("changes", flat=True)) == [
        [["component", None, "2 × MUG, 1 × BOX"]],
        [["component", "1 × MUG, 1 × CUP", "3 × MUG"]],
    ]
    assert [row[3] for row in result(found)[1:]] == ["Created", "Created", "Updated", "Unchanged"]
    kit("TRIO", MUG=4)  # somebody changes one of them

    undone(found)

    assert kits() == {"DUO": {"MUG": 2}, "TRIO": {"MUG": 4}}
    assert not Variant.objects.get(sku="GIFT").is_kit
    assert AuditEntry.objects.filter(action="sku.kit").count() == 6


def test_wrong_rows_come_back_with_their_reason_and_the_others_go_in() -> None:
    factories.stocked("CUP", leeds=3)
    factories.stocked("TRIO", leeds=3)
    kit("DUO", BOX=2)

    found = applied(
        "kits",
        HEADINGS,
        ["NONE", "MUG", "1"],
        ["GIFT", "NONE", "1"],
        ["GIFT", "MUG", "1"],
        ["BOX", "MUG", "1"],
        ["TRIO", "MUG", "1"],
        ["DUO", "CUP", "1"],
        ["MUG", "DUO", "1"],
        ["CUP", "CUP", "1"],
    )

    assert {row: codes[0] for row, codes in reasons(found).items()} == {
        2: "sku-unknown",
        3: "sku-unknown",
        5: "kit-impossible",
        6: "kit-has-stock",
        8: "kit-impossible",
        9: "kit-cycle",
    }
    assert kits() == {"DUO": {"CUP": 1}}
    back = {row[0]: row[4] for row in result(found)[1:] if row[4]}
    assert back["TRIO"] == ("Kit SKU: TRIO has 3 units. A kit has no stock of its own: set them to 0 first.")


def test_a_kit_of_the_file_inside_another_one_is_rejected_and_a_stale_check_writes_nothing() -> None:
    found = checked(
        "kits",
        HEADINGS,
        ["TRIO", "MUG", "1"],
        ["GIFT", "TRIO", "1"],
        ["DUO", "BOX", "1"],
        ["BOX", "CUP", "1"],
    )
    assert reasons(found) == {3: ["kit-nested"], 5: ["kit-impossible"]}
    kit("DUO", CUP=5)
    confirm(found)
    assert kits() == {"DUO": {"CUP": 5}, "TRIO": {"MUG": 1}}
    row = found.staged.get(name="DUO")
    assert (row.state, row.reason) == ("refused", "The components were changed by somebody else since.")


def test_many_kits_take_as_many_statements_as_one() -> None:
    def statements(*names: str) -> int:
        rows = [[name, "MUG", "2"] for name in names]
        found = checked("kits", HEADINGS, *rows)
        with CaptureQueriesContext(database) as asked:
            confirm(found)
        assert set(names) <= set(kits())
        return len(asked)

    for number in range(12):
        factories.variant(f"K{number}")
    assert statements("K0") == statements(*(f"K{number}" for number in range(1, 12)))


def test_the_quantity_of_a_kit_in_a_stock_sheet_is_rejected() -> None:
    kit("GIFT", MUG=2)
    factories.warehouse("leeds")
    found = applied("stock", ["SKU", "Warehouse", "Quantity"], ["GIFT", "Leeds", "5"], ["MUG", "Leeds", "4"])
    assert reasons(found) == {2: ["kit-has-no-stock"]}
    assert found.counts["rejected"] == 1


def test_by_command_a_template_an_export_and_an_import(tmp_path: Path) -> None:
    kit("GIFT", MUG=2, BOX=1)
    template, export = tmp_path / "template.xlsx", tmp_path / "kits.xlsx"
    call_command("export_excel", "kits", str(template), template=True, stdout=io.StringIO())
    call_command("export_excel", "kits", str(export), stdout=io.StringIO())
    first = load_workbook(template).worksheets[0]
    assert [cell.value for cell in first[1]] == HEADINGS
    rows = [list(row) for row in load_workbook(export).worksheets[0].iter_rows(values_only=True)]
    assert rows == [HEADINGS, ["GIFT", "MUG", 2], ["GIFT", "BOX", 1]]

    sheet = tmp_path / "new.csv"
    sheet.write_bytes(table(HEADINGS, ["GIFT", "MUG", "2"], ["GIFT", "BOX", "1"], ["DUO", "CUP", "6"]))
    out = io.StringIO()
    call_command("import_excel", "kits", str(sheet), json=True, stdout=out)
    answer = json.loads(out.getvalue().strip().splitlines()[-1])
    assert {name: answer[name] for name in ("created", "updated", "unchanged", "rejected")} == {
        "created": 1,
        "updated": 0,
        "unchanged": 1,
        "rejected": 0,
    }
    assert kits()["DUO"] == {"CUP": 6}
    assert not Order.objects.exists()
