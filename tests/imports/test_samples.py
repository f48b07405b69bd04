"""Each sample file yields exactly what `samples/expected.json` says: records, refused and ignored rows, and how it was read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from oms.kit.sheets.formats import registry
from oms.kit.sheets.reading import read
from oms.kit.sheets.records import Reading, SheetError, SheetRecord

SAMPLES = Path(__file__).parent / "samples"
EXPECTED: dict[str, dict[str, Any]] = json.loads((SAMPLES / "expected.json").read_text("utf-8"))["files"]

#: What only the database can say; whoever applies the records refuses these rows.
LATER = {"sku-unknown", "warehouse-unknown", "order-unknown", "title-missing"}

CURRENCY = {"etsy-listings.csv": "GBP", "etsy-sold-order-items.csv": "GBP"}

pytestmark = pytest.mark.req("R-PLUS-16", "R-USE-02")


def read_sample(name: str, **more: Any) -> Reading:
    kind = registry.kinds.get(EXPECTED[name]["kind"])
    return read(SAMPLES / name, kind, currency=CURRENCY.get(name), **more)


def plain(value: Any) -> Any:
    """A value as `expected.json` writes it."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    return value


def compare_record(record: SheetRecord, wanted: dict[str, Any]) -> None:
    values = record.values
    for key, value in wanted.items():
        if key in ("row", "or_refused", "only_if", "note"):
            continue
        if key in ("warning", "problem"):
            continue
        if key == "needs_confirmation":
            assert record.needs_confirmation is value
        elif key == "lines":
            lines = [[line["sku"], line["quantity"], plain(line["price"])] for line in values["lines"]]  # type: ignore[union-attr,index,call-overload]
            assert lines == value
        else:
            assert plain(values.get(key)) == (value if value != {} else plain(values.get(key)) or {}), (
                key,
                record,
            )
            if value == {}:
                assert values.get(key) in (None, {}), (key, record)
    warning = wanted.get("warning") or wanted.get("problem")
    if warning:
        assert warning.lower().replace(" ", "-") in [each.code for each in record.warnings], record


def key_of(record: SheetRecord | dict[str, Any]) -> tuple[Any, ...]:
    values = record.values if isinstance(record, SheetRecord) else record
    if "order" in values and "lines" in values:
        return ("order", values["order"])
    if "kit" in values:
        return ("kit", values["kit"])
    row = record.row if isinstance(record, SheetRecord) else record["row"]
    return (row, values.get("sku") or values.get("tracking"))


@pytest.mark.parametrize("name", [name for name, each in EXPECTED.items() if "refused_file" not in each])
def test_a_sample_is_read_as_expected(name: str) -> None:
    wanted = EXPECTED[name]
    reading = read_sample(name)
    records = {key_of(record): record for record in reading.records}
    later = [each for each in wanted["refused"] if each["code"] in LATER]
    for each in wanted["records"]:
        record = records.pop(key_of(each), None)
        if record is None and each.get("order") in wanted.get("or_refused_orders", ()):
            continue
        assert record is not None, (each, reading.refused)
        compare_record(record, each)
    ignored = {remark.row for remark in reading.ignored}
    said = {each["row"] for each in wanted["refused"]}
    refused = {(remark.row, remark.column): remark.code for remark in reading.refused}
    passed_later = {each["row"] for each in later}
    either = {int(row) for row in wanted.get("or_accepted", {})}
    for key, record in records.items():
        assert set(record.rows) & (passed_later | either), (key, record)
    or_ignored = set(wanted.get("or_ignored", ()))
    for each in wanted["refused"]:
        if each["code"] in LATER or each["row"] in or_ignored | either:
            continue
        assert refused.pop((each["row"], each["column"]), None) == each["code"], (each, reading.refused)
    for number in wanted.get("or_refused_orders", ()):
        assert number not in {record.values.get("order") for record in reading.records}
        said |= {row for row, _column in refused}
    assert {row for row, _column in refused} <= said | or_ignored, refused
    for each in wanted.get("ignored", ()):
        assert each["row"] in ignored, (each, reading.ignored)
    extra = {remark.row for remark in reading.ignored if remark.code != "row-empty"}
    assert extra <= {each["row"] for each in wanted.get("ignored", ())} | or_ignored, reading.ignored
    compare_reader(reading, wanted)
    images = {
        str(record.values.get("group") or record.values.get("sku")): record.values.get("images")
        for record in reading.records
    }
    for owner, links in wanted.get("images", {}).items():
        assert plain(images[owner]) == links


ENCODINGS = {"utf-8": "UTF-8", "utf-8 with BOM": "UTF-8 with BOM", "windows-1252": "Windows-1252"}
ENCODINGS |= {"utf-16 little endian with BOM": "UTF-16"}
ORDERS = {"day/month/year": "dmy", "month/day/year": "mdy"}


def compare_reader(reading: Reading, wanted: dict[str, Any]) -> None:
    facts = wanted.get("reader", {})
    assert reading.header_row == facts.get("header_row", 1)
    assert reading.data_rows == wanted["data_rows"]
    if "encoding" in facts:
        assert reading.encoding == ENCODINGS[facts["encoding"]]
    if "separator" in facts:
        assert reading.separator == {"tab": "\t"}.get(facts["separator"], facts["separator"])
    if "sheet" in facts:
        assert reading.sheet == facts["sheet"]
    if "sheets" in facts:
        assert reading.sheets == facts["sheets"]
    if "decimal" in facts:
        assert reading.decimal == facts["decimal"]
    if "date_order" in facts:
        assert reading.date_order == ORDERS[facts["date_order"]]
    if "quotes" in facts:
        assert reading.quotes is False
    if "recognised_as" in wanted:
        assert reading.recognised_as.startswith(
            wanted["recognised_as"].split(" (one row")[0].split(" (linn")[0]
        )


@pytest.mark.parametrize("name", [name for name, each in EXPECTED.items() if "refused_file" in each])
def test_a_sample_that_nobody_can_import_says_why(name: str) -> None:
    with pytest.raises(SheetError) as caught:
        read_sample(name)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert caught.value.code == EXPECTED[name]["refused_file"]["code"]


def test_the_columns_of_a_file_with_duplicate_headings_can_be_chosen() -> None:
    wanted = EXPECTED["duplicate-headers.csv"]
    reading = read_sample("duplicate-headers.csv", mapping={"A": "sku", "C": "price"})
    for record, each in zip(reading.records, wanted["with_choice"]["records"], strict=True):
        compare_record(record, each)
    assert {"F (no heading)", "Colour"} <= set(reading.unknown_headers)
    other = read_sample("duplicate-headers.csv", mapping=wanted["with_choice"]["choice"])
    assert other.records == reading.records
