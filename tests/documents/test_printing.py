"""Printing from the pages: buttons of an order, the menu Print of lists, jobs, the manifest; who may do what."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from oms.kit.admin import actions
from oms.kit.background import jobs
from oms.kit.models import Job
from orders.choices import DocumentKind
from orders.documents import files, loading, printing, working_papers
from orders.models import Document
from orders.services import decisions, packing
from orders.services.handing_over import manifests
from tests.documents import shelf
from tests.orders import desk

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-SHIP-05")]
LIST = "/admin/orders/order/"


@pytest.fixture
def store():
    made = desk.store("Fern")
    shelf.seller(made)
    return made


@pytest.fixture
def owner(client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def body(response) -> bytes:
    """What was answered. Reading a file to its end closes it, as a server does."""
    return b"".join(response) if response.streaming else response.content


def chosen(kind, orders, **more):
    return {
        "action": f"print_{kind}",
        "index": "0",
        "_selected_action": [order.pk for order in orders],
        **more,
    }


def texts(response):
    return [str(message) for message in response.context["messages"]]


@pytest.mark.parametrize("kind", ["packing_slip", "label", "return_slip", "order_pick_list"])
def test_one_button_of_the_order_page_answers_with_the_pdf(owner, store, kind):
    order = shelf.sold(store)
    page = owner.get(f"{LIST}{order.pk}/")
    assert f"/admin/print/order/{order.pk}/{kind}/" in page.content.decode()

    response = owner.post(f"/admin/print/order/{order.pk}/{kind}/", follow=True)

    assert response["Content-Type"] == "application/pdf"
    assert "no-store" in response["Cache-Control"]
    assert any(text.startswith((order.number, "R-")) for _kind, text in shelf.codes(body(response)))


def test_before_release_the_buttons_are_off_with_the_reason(owner, store):
    order = shelf.sold(store, release=False)

    page = owner.get(f"{LIST}{order.pk}/").content.decode()

    assert "No shipment to print for. Release the order first." in page
    assert f"/admin/print/order/{order.pk}/label/" not in page
    posted = owner.post(f"/admin/print/order/{order.pk}/label/", follow=True)
    assert f"#{order.number}: No shipment to print for. Release the order first." in posted.content.decode()
    assert Document.objects.count() == 0


def test_an_invoice_is_issued_by_its_button_and_printed_again_from_the_card(owner, store):
    order = shelf.sold(store)

    first = owner.post(f"/admin/print/order/{order.pk}/invoice/", follow=True)
    document = Document.objects.get(kind="invoice")
    again = owner.post(f"/admin/documents/{document.pk}/file/")
    seen = owner.get(f"/admin/documents/{document.pk}/file/")

    assert document.number in shelf.pages(body(first))[0]
    assert again.content == seen.content == files.read(document.content_hash)
    assert again["Content-Disposition"] == f'inline; filename="{document.number}.pdf"'
    assert Document.objects.get().prints == 2
    page = owner.get(f"{LIST}{order.pk}/").content.decode()
    assert document.number in page
    assert "Issue credit note" in page


def test_a_credit_note_is_issued_once_though_the_form_is_sent_twice(owner, store):
    order = shelf.sold(store)
    address = f"/admin/print/order/{order.pk}/credit-note/"
    assert texts(owner.get(address, follow=True)) == ["The order has no invoice that can be credited."]
    owner.post(f"/admin/print/order/{order.pk}/invoice/")
    asked = owner.get(address).content.decode()
    assert "£20.00 not credited yet." in asked

    form = {"confirmed": "1", "token": "t1", "amount": "5", "reason": "Scratched"}
    done = owner.post(address, form, follow=True)
    twice = owner.post(address, form, follow=True)
    refused = owner.post(address, form | {"token": "t2", "amount": "15.01"})

    note = Document.objects.get(kind="credit_note")
    assert texts(done) == [f"Credit note {note.number} was issued."]
    assert texts(twice) == ["The credit note was issued already."]
    assert "Enter an amount above 0 and up to £15.00." in refused.content.decode()


def test_the_menu_of_the_list_prints_the_chosen_orders_in_one_file(owner, store):
    orders = [shelf.sold(store) for _number in range(3)]

    response = owner.post(LIST, chosen("label", orders), follow=True)

    numbers = {text for _kind, text in shelf.codes(body(response))}
    assert numbers == {f"{order.number}-S1" for order in orders}
    page = owner.get(LIST).content.decode()
    for label in ("Print pick list", "Print packing slips", "Print labels", "Print invoices"):
        assert label in page


def test_what_cannot_be_printed_is_named_beside_the_file(owner, store):
    good, bad = shelf.sold(store), shelf.sold(store, release=False)

    page = owner.post(LIST, chosen("packing_slip", [good, bad]), follow=True)

    job = Job.objects.get(kind=printing.JOB)
    assert f"#{bad.number}: No shipment to print for. Release the order first." in page.content.decode()
    assert (job.state, job.refused, job.message) == ("done", 1, "1 page.")
    printed = owner.get(f"/admin/prints/{job.pk}/file/")
    assert [text for _kind, text in shelf.codes(body(printed))] == [f"{good.number}-S1"]


def test_more_than_fifty_are_a_job_with_progress(owner, store, monkeypatch):
    monkeypatch.setattr("orders.admin.documents.print_jobs.AT_ONCE", 2)
    monkeypatch.setattr(printing, "SLICE", 2)
    orders = [shelf.sold(store) for _number in range(3)]

    page = owner.post(LIST, chosen("invoice", orders), follow=True)

    job = Job.objects.get(kind=printing.JOB)
    assert page.context["job"] == job
    assert job.is_live
    assert jobs.work(job.pk)
    job.refresh_from_db()
    assert (job.done, job.total) == (2, 3)
    assert owner.get(f"/admin/prints/{job.pk}/progress.json").json()["finished"] is False
    jobs.run_here(job)
    printed = owner.get(f"/admin/prints/{job.pk}/file/")
    numbers = list(Document.objects.order_by("id").values_list("number", flat=True))
    assert [number in text for number, text in zip(numbers, shelf.pages(body(printed)), strict=True)] == [
        True
    ] * 3
    assert not (files.print_folder() / str(job.pk)).exists()
    assert actions.AT_ONCE == 50


def test_a_slice_that_is_repeated_after_a_crash_counts_no_print_twice(owner, store, django_user_model):
    order = shelf.sold(store)
    user = django_user_model.objects.get(username="owner")
    job = printing.start(kind="packing_slip", user=user, orders=[order.pk])
    job.lease_token = "x"
    Job.objects.filter(pk=job.pk).update(lease_token="x")
    shipments = list(order.shipments.all())

    assert printing._copies(job, DocumentKind.PACKING_SLIP, shipments) == {shipments[0].pk: 0}
    assert printing._copies(job, DocumentKind.PACKING_SLIP, shipments) == {shipments[0].pk: 0}

    assert Document.objects.get().prints == 1


def test_labels_on_sheets_ask_where_the_first_one_goes(owner, store):
    shelf.seller(store, label_size="a4_4")
    orders = [shelf.sold(store)]

    asked = owner.post(LIST, chosen("label", orders))
    response = owner.post(LIST, chosen("label", orders, start="3", confirmed="1"), follow=True)

    assert "First free label of the sheet" in asked.content.decode()
    assert Job.objects.get().params["start"] == 3
    assert shelf.sizes(body(response)) == [(210, 297)]


def test_the_list_of_shipments_prints_single_parcels(owner, store):
    orders = [shelf.sold(store) for _number in range(2)]
    shipment = orders[1].shipments.get()

    data = {"action": "print_packing_slip", "index": "0", "_selected_action": [shipment.pk]}
    response = owner.post("/admin/orders/shipment/", data, follow=True)

    assert shelf.codes(body(response)) == [("Code128", f"{orders[1].number}-S1")]


@pytest.mark.req("R-SHIP-04")
def test_a_manifest_is_printed_with_the_codes_of_its_parcels_and_stored(owner, store):
    orders = [shelf.sold(store) for _number in range(2)]
    ids = [order.pk for order in orders]
    packing.pack(ids, by=desk.DESK)
    packing.mark_ready_to_ship(ids, by=desk.DESK)
    shipments = [shelf.tracked(order, f"RB12345678{at}GB") for at, order in enumerate(orders)]
    carrier, warehouse = shipments[0].carrier, shipments[0].warehouse
    assert carrier is not None
    assert warehouse is not None
    made = manifests.create_manifest(carrier=carrier, warehouse=warehouse, by=desk.DESK).manifest
    assert made is not None
    assert "Print manifest" in owner.get(f"/admin/orders/manifest/{made.pk}/").content.decode()

    first = owner.post(f"/admin/print/manifest/{made.pk}/")
    second = owner.post(f"/admin/print/manifest/{made.pk}/")

    assert shelf.codes(first.content) == [
        ("Code128", made.number),
        ("Code128", "RB123456780GB"),
        ("Code128", "RB123456781GB"),
    ]
    text = shelf.pages(first.content)[0]
    for part in (f"Manifest {made.number}", "Royal Mail", "Leeds", "Jo Doe", "Shipments: 2", "Signature"):
        assert part in text
    assert first.content == second.content
    assert Document.objects.get(kind="manifest").prints == 2


def test_nobody_prints_or_issues_without_the_right(client, store, django_user_model):
    order = shelf.sold(store)
    user = django_user_model.objects.create_user("ben", is_staff=True)
    names = ["view_order", "view_document", "print_document"]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(user)

    refused = client.post(f"/admin/print/order/{order.pk}/invoice/", follow=True)
    denied = client.post(LIST, chosen("invoice", [order]))

    assert "Your role does not allow this." in texts(refused)
    assert denied.status_code == 403
    assert client.get(f"/admin/print/order/{order.pk}/credit-note/").status_code == 403
    assert Document.objects.count() == 0
    client.post(f"/admin/print/order/{order.pk}/label/")
    job = Job.objects.get()
    client.force_login(django_user_model.objects.create_superuser("owner"))
    assert client.get(f"/admin/prints/{job.pk}/file/").status_code == 404


def test_old_files_of_jobs_are_deleted(settings):
    import os

    old, new = files.print_folder() / "1-old.pdf", files.print_folder() / "2-new.pdf"
    for path in (old, new):
        path.write_bytes(b"x")
    os.utime(old, (1_000_000_000, 1_000_000_000))

    assert files.prune() == 1
    assert (old.exists(), new.exists()) == (False, True)


def test_an_order_on_hold_can_be_printed_and_a_cancelled_shipment_cannot(owner, store):
    order = shelf.sold(store)
    decisions.hold([order.pk], reason="buyer rang", by=desk.DESK)
    held = owner.post(f"/admin/print/order/{order.pk}/packing_slip/", follow=True)
    assert len(shelf.pages(body(held))) == 1

    order.shipments.update(state="cancelled")
    page = owner.post(f"/admin/print/order/{order.pk}/packing_slip/", follow=True)

    assert "No shipment to print for." in page.content.decode()


def test_printing_takes_the_same_number_of_statements_for_any_number_of_parcels(store, tmp_path):
    orders = [shelf.sold(store) for _number in range(6)]

    def statements(count):
        with CaptureQueriesContext(connection) as queries:
            ids = [order.pk for order in orders[:count]]
            shipments = loading.shipments_of_orders(ids)
            copies = working_papers.count_prints(DocumentKind.LABEL, shipments, None)
            working_papers.labels(shipments, copies, tmp_path, 0, working_papers.Refusals({}))
        return len(queries)

    assert statements(2) == statements(6) <= 9
