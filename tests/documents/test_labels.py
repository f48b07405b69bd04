"""Labels are read back as a scanner reads them, at the resolution of the printers that print them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orders.choices import DocumentKind
from orders.documents import loading, working_papers
from orders.documents.typesetting import render
from orders.documents.working_papers import Refusals, count_prints
from tests.documents import shelf
from tests.orders import desk

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-SHIP-05")]


@pytest.fixture
def store():
    return desk.store("Fern")


def printed(orders, tmp_path, *, start=0, copies=None):
    shipments = loading.shipments_of_orders([order.pk for order in orders])
    refused = Refusals({})
    files = working_papers.labels(shipments, copies or {}, tmp_path, start, refused)
    render.join(files, tmp_path / "all.pdf")
    return (tmp_path / "all.pdf").read_bytes(), refused


def test_a_label_of_4_by_6_inches_scans_at_203_and_300_dpi(store, tmp_path):
    shelf.seller(store)
    order = shelf.sold(store)
    shelf.tracked(order, "RB123456785GB")

    pdf, refused = printed([order], tmp_path)

    assert shelf.sizes(pdf) == [(102, 152)]
    assert shelf.codes(pdf, 203) == shelf.codes(pdf, 300) == [("Code128", "RB123456785GB")]
    text = shelf.pages(pdf)[0]
    for part in ("Jo Doe", "1 High Street", "LS1 1AA Leeds", "United Kingdom", "Royal Mail", "Parcel 1/1"):
        assert part in text
    assert (refused.reasons, refused.unprintable) == ({}, {})


@pytest.mark.parametrize(
    ("size", "page", "sheets"),
    [("a6", (105, 148), 3), ("a4_2", (210, 297), 2), ("a4_4", (210, 297), 1)],
)
def test_other_papers_scan_too(store, tmp_path, size, page, sheets):
    shelf.seller(store, label_size=size)
    orders = [shelf.sold(store) for _number in range(3)]
    numbers = [shelf.tracked(order, f"RB12345678{at}GB").tracking_number for at, order in enumerate(orders)]

    pdf, _refused = printed(orders, tmp_path)

    assert shelf.sizes(pdf) == [page] * sheets
    assert shelf.codes(pdf, 203) == [("Code128", number) for number in numbers]


def test_a_sheet_that_is_partly_used_is_filled_first(store, tmp_path):
    shelf.seller(store, label_size="a4_4")
    orders = [shelf.sold(store) for _number in range(3)]

    pdf, _refused = printed(orders, tmp_path, start=2)

    codes = [[text for _kind, text in shelf.codes(pdf, page=at)] for at in range(2)]
    assert codes == [[f"{order.number}-S1" for order in orders[:2]], [f"{orders[2].number}-S1"]]


def test_a_number_that_is_too_long_for_wide_bars_becomes_a_qr_code(store, tmp_path):
    shelf.seller(store)
    order = shelf.sold(store)
    shelf.tracked(order, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789", "Own van")

    pdf, _refused = printed([order], tmp_path)

    assert shelf.codes(pdf, 203) == [("QRCode", "ABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789")]


def test_names_of_all_scripts_are_printed_as_they_are_typed(store, tmp_path):
    shelf.seller(store)
    orders = [shelf.sold(store, to=shelf.address(at)) for at in range(len(shelf.NAMES))]

    pdf, refused = printed(orders, tmp_path)

    pages = shelf.pages(pdf)
    for at in (
        0,
        1,
        2,
        5,
        6,
        7,
        8,
    ):  # pages from left to right; the text of others comes back in another order
        name, line1, city, postcode, _country = shelf.NAMES[at]
        for part in (name, line1, city, postcode):
            assert part in pages[at], part
    assert refused.unprintable == {}
    assert len(pages) == len(orders)


def test_a_character_without_a_glyph_is_named_and_printed_as_a_question_mark(store, tmp_path):
    shelf.seller(store)
    order = shelf.sold(store, to=replace(desk.HOME, name="Jo \U00012000 Doe\u202e"))

    pdf, refused = printed([order], tmp_path)

    assert "Jo ? Doe" in shelf.pages(pdf)[0]
    assert refused.warnings() == [f"#{order.number}: a character could not be printed: \U00012000"]


def test_a_long_address_becomes_smaller_and_leaves_the_code_readable(store, tmp_path):
    shelf.seller(store)
    long = "Building 12, staircase C, third floor, door on the left behind the lift and the bicycles"
    to = replace(desk.HOME, company="A very long company name GmbH & Co. KG " * 3, line1=long, line2=long)
    order = shelf.sold(store, to=to)
    shelf.tracked(order)

    pdf, _refused = printed([order], tmp_path)

    assert shelf.codes(pdf) == [("Code128", "RB123456785GB")]
    assert "LS1 1AA Leeds" in shelf.pages(pdf)[0]
    assert "United Kingdom" in shelf.pages(pdf)[0]


def test_a_reprint_is_counted_and_marked(store, tmp_path):
    shelf.seller(store)
    order = shelf.sold(store)
    shipments = loading.shipments_of_orders([order.pk])

    first = count_prints(DocumentKind.LABEL, shipments, None)
    second = count_prints(DocumentKind.LABEL, shipments, None)
    pdf, _refused = printed([order], tmp_path, copies=second)

    assert (first, second) == ({shipments[0].pk: 0}, {shipments[0].pk: 1})
    assert "Reprint 1" in shelf.pages(pdf)[0]
