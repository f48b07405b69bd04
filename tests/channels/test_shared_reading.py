"""Helpers that every connector uses to read: rows, slices of ids, lists that move, names of carriers."""

from __future__ import annotations

from typing import Any

import pytest

from channels.contract.carriers.names import carrier_key, find_carrier
from channels.contract.offset_scan import AnchoredOffsetScan
from channels.contract.reading import id_slice, read_rows


def number(row: dict[str, Any]) -> int | None:
    return None if row.get("skip") else int(row["value"])


def test_rows_become_records_and_a_bad_row_is_refused_alone():
    rows = [{"id": 1, "value": "7"}, {"id": 2}, {"id": 3, "value": "x"}, "text", {"id": 5, "value": 9}]

    page = read_rows(rows, number, "id", "Shop", next_page="n", total=12)

    assert (page.records, page.next_page, page.total) == ([7, 9], "n", 12)
    assert [(bad.external_id, bad.native) for bad in page.refused] == [
        ("2", {"id": 2}),
        ("3", {"id": 3, "value": "x"}),
        ("row:67cd01412891e80ce2967af17688dca3", {"value": "text"}),
    ]
    assert page.refused[0].reason == "Shop's data could not be read: the field 'value' is missing."
    assert page.refused[1].reason.startswith("Shop's data could not be read: invalid literal")
    assert not page.refused[1].reason.endswith("..")


def test_a_row_that_is_not_wanted_is_neither_a_record_nor_refused():
    page = read_rows([{"id": 1, "skip": True}, {"id": 2, "value": 3}], number, "id", "Shop")

    assert (page.records, page.refused) == ([3], [])


@pytest.mark.parametrize(
    ("page", "ids", "rest"),
    [(None, ["a", "b"], "2"), ("2", ["c", "d"], "4"), ("4", ["e"], None), ("6", [], None)],
)
def test_ids_are_cut_into_slices(page, ids, rest):
    found = id_slice(["a", "b", "c", "d", "e"], page, 2)

    assert (list(found.ids), found.next_page) == (ids, rest)


def test_the_last_full_slice_has_no_rest():
    assert id_slice(["a", "b"], None, 2).next_page is None


def scan_all(rows: list[str], size: int, change: Any = None) -> list[str]:
    """Read a list to its end; `change(rows, pages)` may change it between two pages."""
    found: list[str] = []
    scan, pages = AnchoredOffsetScan(), 0
    while pages < 50:
        part = rows[scan.start : scan.start + size]
        pages += 1
        if scan.has_moved(part, str):
            scan = scan.back(size // 2)
        else:
            fresh = scan.fresh(part)
            found += fresh
            if not fresh:
                return found
            scan = AnchoredOffsetScan.parse(str(scan.after(fresh, str)))
        if change:
            change(rows, pages)
    raise AssertionError("the scan does not end")


def test_a_list_that_stands_still_is_read_once():
    rows = [f"r{n}" for n in range(25)]

    assert scan_all(list(rows), 10) == rows


def test_rows_that_move_up_are_not_left_out():
    def take_first(rows: list[str], pages: int) -> None:
        if pages == 1:
            del rows[:3]

    found = scan_all([f"r{n}" for n in range(25)], 10, take_first)

    assert {f"r{n}" for n in range(25)} <= set(found)


def test_the_position_survives_as_text():
    scan = AnchoredOffsetScan(120, "a~b")

    assert AnchoredOffsetScan.parse(str(scan)) == scan
    assert AnchoredOffsetScan.parse(None) == AnchoredOffsetScan()
    assert (scan.start, AnchoredOffsetScan(120).start, scan.back(200).offset) == (119, 120, 0)


@pytest.mark.parametrize(
    ("name", "key"),
    [("Royal Mail", "royalmail"), ("ROYAL-MAIL ", "royalmail"), ("Colis Privé", "colisprive"), ("", "")],
)
def test_the_key_of_a_carrier_is_its_letters_and_digits(name, key):
    assert carrier_key(name) == key


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Royal Mail", "RM"),
        ("Evri", "HERMES"),
        ("Hermes UK", "HERMES"),
        ("myHermes", "HERMES"),
        ("APC", "APC"),
        ("apc overnight", "APC"),
        ("Parcelforce Worldwide", "PF"),
        ("Pigeon post", None),
        ("", None),
    ],
)
def test_a_carrier_is_found_by_its_name_or_another_name_of_it(name, found):
    known = {"royalmail": "RM", "myhermes": "HERMES", "apcovernight": "APC", "parcelforce": "PF"}

    assert find_carrier(name, known) == found


def test_a_carriers_own_name_wins_over_its_other_names():
    assert find_carrier("Hermes", {"hermes": "own", "myhermes": "other"}) == "own"
