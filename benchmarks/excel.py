"""A product workbook through the import, compared with calamine + one bulk upsert of the same rows (issue 11, W2).

checked   read the workbook, check every row, store what changes          | floor: read with calamine, look up, compare
applied   write the checked rows with audit log and search texts          | floor: upsert of products and SKUs in bulk
whole     upload, check, apply, result workbook                            | floor: calamine + upsert, read once
export    all SKUs as a workbook                                           | floor: xlsxwriter alone, the same cells
peer      changed rows by django-import-export: import_data with its defaults, and the two passes of its admin (preview, confirm)

New rows, then the same rows with other prices, then the same file once more (nothing may be written).
`--quick`: 2,000 rows. Peak memory is that of the whole process above its size before the first round.
"""

from __future__ import annotations

import itertools
import resource
import statistics
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks._common import ROUNDS, empty, figure, in_own_database, seconds

NAME = "excel"
ROWS = 2_000 if "--quick" in sys.argv else 100_000 if "--full" in sys.argv else 20_000
PEER_ROWS = 500
_prices = itertools.count(20)
HEADINGS = ("SKU", "Title", "Price", "Barcode", "Brand", "Weight", "Weight unit")


def write(path: Path, price: float) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(str(path), {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADINGS)
        for number in range(ROWS):
            row = (f"SKU-{number:06}", f"Stoneware mug {number}", price, "", f"Brand {number % 50}", 310, "g")
            sheet.write_row(number + 1, 0, row)


def floor_read(path: Path) -> list[list[Any]]:
    from python_calamine import CalamineWorkbook

    with CalamineWorkbook.from_path(str(path)) as book:
        return list(book.get_sheet_by_index(0).to_python())[1:]


def floor_check(path: Path) -> None:
    from catalogue.models import Variant, sku_key

    rows = floor_read(path)
    keys = [sku_key(row[0]) for row in rows]
    found = {}
    for at in range(0, len(keys), 1_000):
        part = Variant.objects.by_key(keys[at : at + 1_000]).select_related("product__brand")
        found.update({one.sku_key: one for one in part})
    for key, row in zip(keys, rows, strict=True):
        one = found.get(key)
        assert one is None or one.product.title == row[1]


def floor_apply(path: Path) -> None:
    from django.db import transaction

    from catalogue.models import Product, Variant, sku_key

    rows = floor_read(path)
    with transaction.atomic():
        products = [Product(title=row[1]) for row in rows]
        Product.objects.bulk_create(products, batch_size=1_000)
        Variant.objects.bulk_create(
            [
                Variant(
                    product=product,
                    sku=row[0],
                    sku_key=sku_key(row[0]),
                    price=row[2],
                    weight_grams=int(row[5]),
                )
                for product, row in zip(products, rows, strict=True)
            ],
            batch_size=1_000,
            update_conflicts=True,
            unique_fields=["sku_key"],
            update_fields=["price", "weight_grams"],
        )


def received(path: Path) -> Any:
    from oms.kit.authors.actors import SYSTEM
    from oms.kit.imports import services

    return services.receive(
        kind="products",
        parts=[path.read_bytes()],
        file_name=path.name,
        by=SYSTEM,
        options={"currency": "GBP"},
    )


def checked(found: Any) -> None:
    from oms.kit.background import jobs
    from oms.kit.imports import services

    jobs.run_here(services.check(found, by=found.by))
    found.refresh_from_db()
    assert found.state == "checked", found.message


def applied(found: Any) -> None:
    from oms.kit.background import jobs
    from oms.kit.imports import services

    jobs.run_here(services.confirm(found, by=found.by, accepts_large_changes=True))
    found.refresh_from_db()
    assert found.state == "done", found.message
    assert found.count("rejected") == 0


def peer(path: Path, *, passes: int) -> None:
    """Import the first rows of a workbook with django-import-export as its documentation shows, once or with a preview."""
    from import_export.resources import ModelResource
    from tablib.core import Dataset

    from catalogue.models import Variant

    class Rows(ModelResource):
        class Meta:
            model = Variant
            import_id_fields = ("sku",)
            fields = ("sku", "price", "weight_grams")

    for number in range(passes):
        data = Dataset().load(path.read_bytes(), format="xlsx")
        shown = Rows().import_data(data, dry_run=number + 1 < passes, raise_errors=True)
        assert shown.totals["update"] == PEER_ROWS, shown.totals


def write_peer(path: Path) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(str(path), {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ("sku", "price", "weight_grams"))
        for number in range(PEER_ROWS):
            sheet.write_row(number + 1, 0, (f"SKU-{number:06}", next(_prices), 310))


def exported(path: Path) -> None:
    from oms.kit.imports import kinds, workbooks

    assert workbooks.write_export(kinds.get("products"), path) == ROWS


def exported_floor(path: Path) -> None:
    import xlsxwriter

    from oms.kit.imports import kinds

    names = [field.key for field in kinds.get("products").sheet.fields]
    with xlsxwriter.Workbook(str(path), {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        for number, values in enumerate(same_rows()):
            for column, name in enumerate(names):
                if values.get(name):
                    sheet.write(number, column, values[name])


def same_rows() -> Iterator[dict[str, Any]]:
    for number in range(ROWS):
        yield {
            "sku": f"SKU-{number:06}",
            "title": f"Stoneware mug {number}",
            "price": 12.0,
            "currency": "GBP",
            "weight": 310,
            "weight_unit": "g",
            "brand": f"Brand {number % 50}",
        }


def megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure() -> None:
    from django.conf import settings
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    takes: dict[str, list[float]] = {}

    def take(name: str, act: Any) -> None:
        takes.setdefault(name, []).append(seconds(act))

    with tempfile.TemporaryDirectory() as folder:
        settings.VAR_DIR = Path(folder)
        files = {name: Path(folder) / f"{name}.xlsx" for name in ("new", "changed")}
        write(files["new"], 10.0)
        write(files["changed"], 12.0)
        idle = megabytes()
        for _round in range(min(ROUNDS, 3)):
            empty()
            take("floor_new_check", lambda: floor_check(files["new"]))
            take("floor_new_apply", lambda: floor_apply(files["new"]))
            empty()
            for name, path in files.items():
                found = received(path)
                take(f"{name}_check", partial(checked, found))
                take(f"{name}_apply", partial(applied, found))
            take("floor_changed_check", lambda: floor_check(files["changed"]))
            again = received(files["changed"])
            with CaptureQueriesContext(connection) as queries:
                checked(again)
            tables = ("catalogue_", "inventory_", "channels_outbox", "kit_audit", "imports_stagedrow")
            wrote = [
                query["sql"]
                for query in queries
                if query["sql"].startswith(("INSERT", "UPDATE", "COPY"))
                and any(table in query["sql"] for table in tables)
            ]
            assert again.count("unchanged") == ROWS
            assert wrote == [], wrote[:3]
            for flow, passes in (("peer_defaults", 1), ("peer_admin", 2)):
                write_peer(Path(folder) / "peer.xlsx")
                take(flow, partial(peer, Path(folder) / "peer.xlsx", passes=passes))
            take("export", lambda: exported(Path(folder) / "out.xlsx"))
            take("export_floor", lambda: exported_floor(Path(folder) / "floor.xlsx"))
        peak = megabytes() - idle
    middle = {name: statistics.median(found) for name, found in takes.items()}
    for name, value in middle.items():
        rows = PEER_ROWS if name.startswith("peer") else ROWS
        figure(NAME, name, rows / value, "rows/s", rows=rows)
    floor = middle["floor_new_apply"]
    figure(NAME, "check_to_floor", floor / middle["new_check"], "ratio", target=0.4)
    figure(NAME, "apply_to_floor", floor / middle["new_apply"], "ratio", target=0.4)
    for kind in ("new", "changed"):
        whole = middle[f"{kind}_check"] + middle[f"{kind}_apply"]
        figure(NAME, f"{kind}_whole_to_floor", floor / whole, "ratio", target=0.25)
    ours = ROWS / (middle["changed_check"] + middle["changed_apply"])
    for flow, target in (("defaults", 12), ("admin", 35)):
        theirs = PEER_ROWS / middle[f"peer_{flow}"]
        figure(NAME, f"{flow}_to_import_export", ours / theirs, "ratio", target=target)
    figure(NAME, "export_to_floor", middle["export"] / middle["export_floor"], "ratio", target=2.0)
    figure(NAME, "peak_memory", peak, "MB above idle", target=200)


if __name__ == "__main__":
    in_own_database(measure)
