"""Packing slips, return slips and pick lists: what is in the parcel, what the packer must know, no prices on gifts."""

from __future__ import annotations

import pytest

from orders.choices import DocumentKind
from orders.documents import loading, working_papers
from orders.documents.typesetting import render
from orders.documents.working_papers import Refusals
from orders.services import packing
from tests.documents import shelf
from tests.orders import desk

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-SHIP-05", "R-SHIP-08")]


@pytest.fixture
def store():
    return desk.store("Fern")


def slip(order, tmp_path, kind=DocumentKind.PACKING_SLIP):
    files = working_papers.slips(kind, loading.shipments_of_orders([order.pk]), {}, tmp_path, Refusals({}))
    render.join(files, tmp_path / "slip.pdf")
    return (tmp_path / "slip.pdf").read_bytes()


def picked(orders, tmp_path, kind=DocumentKind.PICK_LIST, language="en"):
    refused = Refusals({})
    found = working_papers.chosen(kind, loading.shipments_of_orders([order.pk for order in orders]), refused)
    files = working_papers.pick_list(kind, found, tmp_path, language, refused)
    render.join(files, tmp_path / "pick.pdf")
    return (tmp_path / "pick.pdf").read_bytes(), refused


def test_a_slip_has_prices_only_where_the_store_wants_them(store, tmp_path):
    settings = shelf.seller(store, slip_prices=True)
    order = shelf.sold(store)
    assert "£20.00" in shelf.pages(slip(order, tmp_path))[0]

    settings.slip_prices = False
    settings.save()

    assert "£" not in shelf.pages(slip(order, tmp_path))[0]


def test_a_gift_has_its_message_and_never_a_price(store, tmp_path):
    shelf.seller(store, slip_prices=True)
    line = desk.line("1", "MUG", 2, "14.50", personalisation="For Анна")
    order = shelf.sold(
        store, line, gift_message="Happy birthday!\nLove, Mum", buyer_note="Ring twice, please"
    )

    pdf = slip(order, tmp_path)

    text = shelf.pages(pdf)[0]
    for part in ("Gift message", "Happy birthday!", "Love, Mum", "Personalisation: For Анна", "Ring twice"):
        assert part in text
    for price in ("14.50", "29.00", "£", "Price"):
        assert price not in text
    assert shelf.codes(pdf) == [("Code128", f"{order.number}-S1")]


def test_sixty_lines_go_over_two_pages_with_headings_and_page_numbers(store, tmp_path):
    shelf.seller(store)
    lines = [desk.line(str(at), f"SKU-{at:02d}", 1) for at in range(60)]
    order = shelf.sold(store, *lines)

    pages = shelf.pages(slip(order, tmp_path))

    assert [page.count("Item") for page in pages] == [1, 1]
    assert ["Page 1 / 2" in pages[0], "Page 2 / 2" in pages[1]] == [True, True]
    assert all(f"SKU-{at:02d}" in " ".join(pages) for at in range(60))


def test_a_buyer_in_france_gets_french_words(store, tmp_path):
    shelf.seller(store)
    order = shelf.sold(store, to=shelf.address(0))

    text = shelf.pages(slip(order, tmp_path))[0]

    assert "Bon de livraison" in text
    assert "Zoë Müller-Łukasiewicz" in text
    assert "Packing slip" not in text


def test_a_return_slip_names_the_address_for_returns(store, tmp_path):
    shelf.seller(store, return_address="Returns Dept\n9 Dock Road\nHull HU1 1AA")
    order = shelf.sold(store)

    pdf = slip(order, tmp_path, DocumentKind.RETURN_SLIP)

    assert "9 Dock Road Hull HU1 1AA" in shelf.pages(pdf)[0]
    assert shelf.codes(pdf) == [("Code128", f"R-{order.number}-S1")]


def test_a_pick_list_adds_the_units_of_all_orders_by_sku(store, tmp_path):
    shelf.seller(store)
    orders = [shelf.sold(store, desk.line("1", "MUG", 2), desk.line("2", "CUP", 1)) for _number in range(3)]

    pdf, refused = picked(orders, tmp_path)

    text = shelf.pages(pdf)[0]
    assert f"CUP The CUP 3 #{orders[0].number}, #{orders[1].number}, #{orders[2].number}" in text
    assert "MUG The MUG 6" in text
    assert text.index("CUP") < text.index("MUG")
    assert refused.reasons == {}


def test_personalised_units_have_a_row_of_their_own(store, tmp_path):
    shelf.seller(store)
    plain = shelf.sold(store, desk.line("1", "MUG", 2))
    named = shelf.sold(store, desk.line("2", "MUG", 1, personalisation="Anna"))

    text = shelf.pages(picked([plain, named], tmp_path)[0])[0]

    assert f"MUG The MUG 2 #{plain.number}" in text
    assert f"MUG The MUG Personalisation: Anna 1 #{named.number}" in text


def test_a_pick_list_by_order_warns_of_gifts_and_has_a_code_for_each_parcel(store, tmp_path):
    shelf.seller(store)
    gift = shelf.sold(store, gift_message="For you", buyer_note="No bell")
    other = shelf.sold(store)

    pdf, _refused = picked([gift, other], tmp_path, DocumentKind.ORDER_PICK_LIST)

    text = " ".join(shelf.pages(pdf))
    for part in ("GIFT: no prices in the parcel", "Gift message: For you", "Note of the buyer: No bell"):
        assert part in text
    assert {code for _kind, code in shelf.codes(pdf)} == {f"{gift.number}-S1", f"{other.number}-S1"}


def test_a_packed_order_is_not_picked_again(store, tmp_path):
    shelf.seller(store)
    packed, planned = shelf.sold(store), shelf.sold(store)
    packing.pack([packed.pk], by=desk.DESK)

    pdf, refused = picked([packed, planned], tmp_path)

    assert list(refused.reasons.values()) == [f"#{packed.number}: It is packed: nothing is left to pick."]
    assert f"#{packed.number}" not in shelf.pages(pdf)[0]
