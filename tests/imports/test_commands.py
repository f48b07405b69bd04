"""`import_excel` and `export_excel`."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from openpyxl.reader.excel import load_workbook

from catalogue.models import Product, Variant
from inventory.models import StockItem
from oms.kit.authors.actors import SYSTEM
from oms.kit.imports import kinds, mappings
from oms.kit.imports.models import SheetImport
from tests import factories
from tests.imports.flow import table

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("var_dir")]


def import_excel(kind: str, path: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the last line of the command."""
    out, code = io.StringIO(), 0
    try:
        call_command("import_excel", kind, str(path), "--json", *options, stdout=out, stderr=io.StringIO())
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    return code, json.loads(out.getvalue().splitlines()[-1])


def written(path: Path, *rows: Any) -> Path:
    path.write_bytes(table(*rows))
    return path


@pytest.mark.req("R-USE-02")
def test_an_import_prints_its_counts_and_its_result_file(tmp_path: Path) -> None:
    factories.warehouse("leeds")
    file = written(tmp_path / "in.csv", ["SKU", "Title", "Quantity"], ["0017", "Mug", "3"], ["0018", "", "3"])

    code, line = import_excel("products", file)

    assert code == 1
    result = line.pop("result_file")
    assert line == {"created": 1, "updated": 0, "unchanged": 0, "rejected": 1}
    rows = list(load_workbook(result).active.iter_rows(values_only=True))
    assert rows[1] == ("0017", "Mug", "3", "Created", None)
    assert rows[2][3:] == ("Rejected", "Title: A new product needs a title.")
    assert import_excel("products", written(tmp_path / "b.csv", ["SKU", "Title"], ["0017", "Mug"]))[0] == 0


@pytest.mark.req("R-USE-02")
def test_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    file = written(tmp_path / "in.csv", ["SKU", "Title"], ["0017", "Mug"])

    code, line = import_excel("products", file, "--dry-run", "--result", str(tmp_path / "out.xlsx"))

    assert (code, line["created"], line["result_file"]) == (0, 1, str(tmp_path / "out.xlsx"))
    rows = list(load_workbook(tmp_path / "out.xlsx").active.iter_rows(values_only=True))
    assert rows[1][:3] == ("0017", "Mug", "New")
    assert not Product.objects.exists()
    assert not SheetImport.objects.exists()


@pytest.mark.req("R-USE-02")
@pytest.mark.parametrize(
    ("kind", "rows"),
    [("products", [["Nothing"], ["x"]]), ("nonsense", [["SKU"], ["x"]])],
)
def test_what_cannot_run_says_so_and_exits_with_2(kind: str, rows: Any, tmp_path: Path) -> None:
    code, line = import_excel(kind, written(tmp_path / "in.csv", *rows))
    assert code == 2
    assert line["ok"] is False
    assert line["error"]
    with pytest.raises(CommandError):
        call_command("import_excel", "products", str(tmp_path / "missing.csv"))


@pytest.mark.req("R-USE-02")
def test_all_or_nothing_applies_nothing_when_a_row_is_rejected(tmp_path: Path) -> None:
    file = written(tmp_path / "in.csv", ["SKU", "Title", "Price"], ["A", "Mug", "1"], ["B", "", "1"])
    code, line = import_excel("products", file, "--all-or-nothing")
    assert (code, line["created"], line["rejected"]) == (1, 0, 1)
    assert not Product.objects.exists()


@pytest.mark.req("R-USE-02")
def test_large_changes_need_a_yes(tmp_path: Path) -> None:
    for number in range(10):
        factories.stocked(f"S-{number}", leeds=4)
    file = written(tmp_path / "in.csv", ["SKU", "Quantity"], *([f"S-{n}", 0] for n in range(10)))

    code, line = import_excel("stock", file)
    assert (code, line["error"]) == (
        2,
        "The file makes large changes. Confirm that they are right. The stock of 10 SKUs is set to 0. --accept",
    )
    assert set(StockItem.objects.values_list("on_hand", flat=True)) == {4}

    code, line = import_excel("stock", file, "--accept")
    assert (code, line["updated"]) == (0, 10)
    assert set(StockItem.objects.values_list("on_hand", flat=True)) == {0}


@pytest.mark.req("R-USE-02")
def test_a_saved_mapping_is_used_by_name_and_for_the_same_headings(tmp_path: Path) -> None:
    factories.variant("MUG")
    mappings.save(kinds.get("prices"), "Supplier", {"Ref X": "sku", "Tarif": "price", "Note": ""}, by=SYSTEM)

    by_name = written(tmp_path / "a.csv", ["Ref X", "Tarif"], ["MUG", "11.00"])
    assert import_excel("prices", by_name, "--map", "supplier")[1]["updated"] == 1
    by_headings = written(tmp_path / "b.csv", ["Tarif", "Ref X", "Note"], ["12.00", "MUG", "x"])
    assert import_excel("prices", by_headings)[1]["updated"] == 1
    assert Variant.objects.get().price == Decimal(12)
    code, line = import_excel("prices", by_name, "--map", "nobody")
    assert (code, line["error"]) == (2, "There is no column mapping “nobody” for prices.")


@pytest.mark.req("R-USE-02")
@pytest.mark.parametrize("kind", ["products", "stock", "prices"])
def test_an_export_that_is_imported_again_changes_nothing(kind: str, tmp_path: Path) -> None:
    store = factories.store()
    variant = factories.stocked("0017", connection=store, leeds=4)
    Variant.objects.filter(pk=variant.pk).update(weight_grams=310, barcode="5012345678900")
    factories.product("TEE-S", "TEE-M")
    for number, one in enumerate(Variant.objects.filter(sku__startswith="TEE")):
        Variant.objects.filter(pk=one.pk).update(options={"Size": "SM"[number]})
    factories.stocked("TWO", leeds=4, lyon=2)
    file = tmp_path / "out.xlsx"

    call_command("export_excel", kind, str(file), stdout=io.StringIO())
    code, line = import_excel(kind, file)

    assert (code, line["created"], line["updated"], line["rejected"]) == (0, 0, 0, 0)
    assert line["unchanged"] == {"products": 4, "stock": 3, "prices": 4}[kind]
    cells = {cell.value for row in load_workbook(file).active for cell in row}
    assert "0017" in cells


@pytest.mark.req("R-USE-02")
@pytest.mark.parametrize("kind", ["products", "stock", "prices"])
def test_a_template_explains_itself_and_its_example_is_never_imported(kind: str, tmp_path: Path) -> None:
    factories.warehouse("leeds")
    file = tmp_path / "template.xlsx"
    call_command("export_excel", kind, str(file), "--template", stdout=io.StringIO())

    book = load_workbook(file)
    sheet = book.worksheets[0]
    headings = [cell.value for cell in sheet[1]]
    assert headings[0] == "SKU"
    assert sheet["A1"].comment.text.strip() == "Required"
    assert sheet["A2"].value.startswith("(example) ")
    assert {column.number_format for column in (sheet["A2"], sheet["B2"])} == {"@"}
    if kind != "prices":
        assert any("Leeds" in (rule.formula1 or "") for rule in sheet.data_validations.dataValidation)
    words = {row[0] for row in book["How to fill in"].iter_rows(values_only=True)}
    assert {f"{heading}:" for heading in headings} <= words

    code, line = import_excel(kind, file)
    assert (code, line["created"], line["updated"], line["rejected"]) == (0, 0, 0, 0)
    assert not Product.objects.exists()
