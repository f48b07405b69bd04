"""Invoices and credit notes: numbers without gaps, contents that never change, the mentions of two countries."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pikepdf
import pytest
from django.db import IntegrityError, transaction

from oms.kit import doctor
from orders.documents import files, issuing, loading
from orders.documents.invoice_files import printed_file
from orders.errors import OrderError
from orders.models import Document, NumberSeries, OrderEvent
from tests.documents import shelf
from tests.orders import desk

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-SHIP-05")]


@pytest.fixture
def store():
    made = desk.store("Fern")
    shelf.seller(made)
    return made


def issued(order) -> Document:
    return issuing.issue_invoice(loading.orders_with_lines([order.pk])[order.pk], by=desk.DESK)


def text_of(document) -> str:
    return " ".join(shelf.pages(printed_file(document)))


def year() -> int:
    return NumberSeries.objects.get(prefix="INV").year


def test_an_invoice_is_issued_once_and_its_file_never_changes(store):
    order = shelf.sold(store)

    first = issued(order)
    content = printed_file(first)
    order.ship_to = {"name": "Somebody else"}
    order.save()
    second = issued(order)

    assert (second.pk, second.number) == (first.pk, f"INV{year()}-000001")
    assert printed_file(second) == content
    assert Document.objects.get(pk=first.pk).prints == 2
    assert OrderEvent.objects.filter(order=order, kind="document").count() == 1
    text = " ".join(shelf.pages(content))
    for part in (
        "Invoice",
        first.number,
        "Fern & Kettle Ltd",
        "GB 123 4567 82",
        "Jo Doe",
        "£16.67",
        "£3.33",
        "£20.00",
    ):
        assert part in text


def test_it_is_an_archival_pdf_with_all_fonts_inside(store, tmp_path):
    content = printed_file(issued(shelf.sold(store, to=shelf.address(1))))

    (tmp_path / "invoice.pdf").write_bytes(content)
    with pikepdf.open(tmp_path / "invoice.pdf") as pdf:
        meta = bytes(pdf.Root.Metadata.read_bytes())
        assert b"<pdfaid:part>3<" in meta
        assert "/OutputIntents" in pdf.Root
        fonts = [
            one
            for one in pdf.objects
            if isinstance(one, pikepdf.Dictionary) and one.get("/Type") == "/FontDescriptor"
        ]
        assert fonts
        assert all({"/FontFile2", "/FontFile3"} & set(font.keys()) for font in fonts)


def test_a_damaged_file_is_a_sentence_and_is_not_made_again(store):
    document = issued(shelf.sold(store))
    printed_file(document)
    files.path_of(document.content_hash).write_bytes(b"other")

    with pytest.raises(OrderError, match="missing or damaged"):
        printed_file(document)
    assert Document.objects.get(pk=document.pk).prints == 1


def test_numbers_follow_each_other_and_a_rollback_leaves_no_gap(store):
    first = issued(shelf.sold(store))

    with transaction.atomic():
        issued(shelf.sold(store))
        transaction.set_rollback(True)
    second = issued(shelf.sold(store))

    assert [first.number[-6:], second.number[-6:]] == ["000001", "000002"]
    assert NumberSeries.objects.get(prefix="INV").last == Document.objects.count() == 2


def test_the_database_refuses_a_second_invoice_and_a_number_twice(store):
    order, other = shelf.sold(store), shelf.sold(store)
    made = issued(order)

    for values in (
        {"order": order, "number": "X1"},
        {"order": other, "number": made.number},
        {"order": other, "number": ""},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Document.objects.create(kind="invoice", **values)


def test_an_order_that_was_not_sold_gets_no_invoice_and_no_number(store):
    order = shelf.sold(store, release=False)
    order.status = "cancelled"

    with pytest.raises(OrderError, match="An order that is “Cancelled” gets no invoice"):
        issuing.issue_invoice(order, by=desk.DESK)
    assert NumberSeries.objects.count() == 0


def test_a_store_without_a_seller_says_where_to_enter_it():
    store = desk.store("Bare")
    order = shelf.sold(store)

    with pytest.raises(OrderError, match="Enter name and address of the seller first: Bare, Documents"):
        issued(order)


def test_a_seller_in_france_has_the_french_mentions(store):
    shelf.seller(
        store,
        country="FR",
        vat_number="FR32123456782",
        invoice_prefix="F",
        credit_prefix="A",
        sterling_rate=None,
    )
    to = replace(shelf.address(0), company="Librairie du Lac SARL")

    document = issued(shelf.sold(store, to=to, currency="EUR"))

    text = text_of(document)
    for part in (
        "Facture", "N° F", "Livraison de biens.", "Indemnité forfaitaire pour frais de recouvrement : 40 €.",
        "Pénalités de retard", "Pas d’escompte", "20 %", "16,67 €", "3,33 €", "20,00 €",
    ):  # fmt: skip
        assert part in text, part


def test_a_seller_without_vat_in_france_says_so(store):
    shelf.seller(store, country="FR", vat_scheme="none", vat_number="")

    text = text_of(issued(shelf.sold(store, to=shelf.address(0), currency="EUR")))

    assert "TVA non applicable, art. 293 B du CGI." in text
    assert "Taux de TVA" not in text


def test_an_export_and_the_margin_scheme_show_no_vat(store):
    export = text_of(issued(shelf.sold(store, to=shelf.address(2))))
    shelf.seller(store, vat_scheme="margin")
    margin = text_of(issued(shelf.sold(store)))

    assert "Zero-rated: export from the United Kingdom." in export
    assert "0%" in export
    assert "Margin scheme: second-hand goods." in margin
    assert "VAT rate" not in margin


def test_a_sale_in_euros_states_the_vat_in_pounds_too(store):
    line = desk.line("1", "MUG", 2, "10")
    order = shelf.sold(
        store, replace(line, tax=Decimal(4)), currency="EUR", tax_total=Decimal(4), total=Decimal(24)
    )

    with pytest.raises(OrderError, match="Enter how many pounds one EUR is"):
        issued(order)
    assert NumberSeries.objects.count() == 0
    shelf.seller(store, sterling_rate=Decimal("0.85"))

    assert "Total VAT in pounds sterling £3.40" in text_of(issued(order))


def test_a_partial_credit_note_names_its_invoice_and_more_than_the_rest_is_refused(store):
    order = shelf.sold(store)
    invoice = issued(order)

    note = issuing.issue_credit_note(order, amount=Decimal(12), reason="One mug broken", by=desk.DESK)

    text = text_of(note)
    for part in ("Credit note", note.number, invoice.number, "One mug broken", "£10.00", "£2.00", "£12.00"):
        assert part in text, part
    with pytest.raises(OrderError, match=r"up to £8\.00"):
        issuing.issue_credit_note(order, amount=Decimal("8.01"), reason="", by=desk.DESK)
    assert NumberSeries.objects.get(prefix="CN").last == 1
    invoice.refresh_from_db()
    assert not invoice.is_credited


def test_after_a_full_credit_note_the_order_can_have_another_invoice(store):
    order = shelf.sold(store)
    first = issued(order)

    note = issuing.issue_credit_note(order, amount=None, reason="Wrong address", by=desk.DESK)
    second = issued(order)

    assert (note.total, note.corrects_id) == (Decimal(20), first.pk)
    assert note.data["lines"] == first.data["lines"]
    assert second.number != first.number
    first.refresh_from_db()
    assert first.is_credited
    with pytest.raises(OrderError, match="no invoice that can be credited"):
        issuing.issue_credit_note(shelf.sold(store), amount=None, reason="", by=desk.DESK)


def test_doctor_names_a_gap_in_the_numbers_and_a_file_that_is_missing(store):
    document = issued(shelf.sold(store))
    printed_file(document)
    checks = ["invoice_numbers_without_gaps", "documents_have_their_file"]
    assert [result.ok for result in doctor.run(checks)] == [True, True]

    NumberSeries.objects.update(last=3)
    files.path_of(Document.objects.get().content_hash).unlink()

    assert [result.detail for result in doctor.run(checks)] == [
        f"numbers of invoices have a gap: INV{year()} (1 / 3)",
        f"stored files are missing in the media folder: Invoice {document.number}",
    ]
