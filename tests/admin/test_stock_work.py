"""The pages of stock work: receive, count, transfer, unusable stock, reorder, ageing."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from openpyxl.reader.excel import load_workbook
from openpyxl.workbook.workbook import Workbook

from inventory.models import (
    Delivery,
    StockCount,
    StockItem,
    StockMovement,
    Supplier,
    SupplierSku,
    Transfer,
)
from oms.kit.models import AuditEntry
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-INV-05")]

DELIVERY = "/admin/inventory/delivery/"
COUNT = "/admin/inventory/stockcount/"
TRANSFER = "/admin/inventory/transfer/"


def as_role(client: Client, role: str) -> Client:
    person = factories.user(role.lower().replace(" ", "-"))
    person.groups.add(Group.objects.get(name=role))
    client.force_login(person)
    return client


@pytest.fixture
def owner(client: Client) -> Client:
    return as_role(client, "Owner")


def body(answer: Any) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def token(client: Client, url: str, what: str) -> str:
    found = re.search(rf'name="token" value="(\w+-{what})"', client.get(url).content.decode())
    assert found
    return found.group(1)


def on_hand(sku: str, code: str = "leeds") -> int:
    return StockItem.objects.get(variant__sku=sku, warehouse__code=code).on_hand


def sheet(answer: Any) -> list[tuple[Any, ...]]:
    content = b"".join(answer.streaming_content)
    return list(load_workbook(io.BytesIO(content)).active.iter_rows(values_only=True))


def test_a_delivery_is_entered_received_by_scan_and_closed(owner):
    factories.variant("MUG", barcode="501")
    supplier = Supplier.objects.create(name="Potters")
    leeds = factories.warehouse()
    assert "Enter what a supplier will send." in body(owner.get(DELIVERY))

    form = {"supplier": supplier.pk, "warehouse": leeds.pk, "reference": "PO-7", "lines": "MUG\t3\t2.50"}
    answer = owner.post(f"{DELIVERY}new/", form, follow=True)
    made = Delivery.objects.get()
    assert (made.actor, made.number in body(answer), "PO-7" in body(answer)) == ("owner", True, True)
    url = f"{DELIVERY}{made.pk}/"

    scan = {"what": "scan", "code": "501", "units": "2", "token": token(owner, url, "scan")}
    assert "MUG: 2 of 3 received." in body(owner.post(url, scan, follow=True))
    assert "already saved" in body(owner.post(url, scan, follow=True))
    assert on_hand("MUG") == 2
    assert " short<" not in body(owner.get(url))
    answer = owner.post(url, {"what": "close", "token": token(owner, url, "close")}, follow=True)

    assert "</span> short<" in body(answer)
    assert on_hand("MUG") == 2
    assert f"{made.number}" in body(owner.get(f"{DELIVERY}?q={made.number.lower()}"))
    assert set(
        AuditEntry.objects.filter(action__startswith="delivery.").values_list("action", "author_name")
    ) == {
        ("delivery.expected", "owner"),
        ("delivery.received", "owner"),
        ("delivery.closed", "owner"),
    }


def test_a_wrong_line_of_a_delivery_keeps_what_was_typed(owner):
    supplier = Supplier.objects.create(name="Potters")
    form = {"supplier": supplier.pk, "warehouse": factories.warehouse().pk, "lines": "NO 5", "token": "t"}
    answer = body(owner.post(f"{DELIVERY}new/", form))

    assert "Line 1: no product has the SKU “NO”." in answer
    assert "NO 5" in answer
    assert not Delivery.objects.exists()


def test_a_shelf_is_counted_and_approved_by_another_person(client):
    factories.stocked("MUG", leeds=10)
    factories.stocked("CUP", leeds=4)
    packer, boss = as_role(client, "Warehouse"), as_role(Client(), "Owner")
    form = {"warehouse": factories.warehouse().pk, "scope": "whole", "is_blind": "on"}
    answer = body(packer.post(f"{COUNT}new/", form, follow=True))
    made = StockCount.objects.get()
    url = f"{COUNT}{made.pk}/"
    assert "On hand then" not in answer  # blind
    assert "On hand then" in body(boss.get(url))

    mug, cup = (made.lines.get(variant__sku=sku) for sku in ("MUG", "CUP"))
    entered = {"what": "enter", f"units-{mug.pk}": "8", f"units-{cup.pk}": ""}
    assert "Saved: 1 lines changed." in body(packer.post(url, entered, follow=True))
    packer.post(url, {"what": "submit"})
    assert "Your role does not allow this." in body(packer.post(url, {"what": "approve"}, follow=True))
    assert on_hand("MUG") == 10

    approve = {"what": "approve", "token": token(boss, url, "approve")}
    assert "Approved: 1 differences were applied." in body(boss.post(url, approve, follow=True))
    assert "already saved" in body(boss.post(url, approve, follow=True))
    boss.post(url, {"what": "approve"})

    assert (on_hand("MUG"), on_hand("CUP")) == (8, 4)
    assert StockMovement.objects.filter(kind="count").count() == 1
    made.refresh_from_db()
    assert (made.state, made.actor, made.approved_by) == ("approved", "warehouse", "owner")


def book(*rows: tuple[Any, ...]) -> SimpleUploadedFile:
    made, out = Workbook(), io.BytesIO()
    assert made.active is not None
    for row in rows:
        made.active.append(row)
    made.save(out)
    return SimpleUploadedFile("count.xlsx", out.getvalue())


def test_a_count_by_excel(owner):
    factories.stocked("MUG", leeds=10)
    factories.stocked("CUP", leeds=4)
    owner.post(f"{COUNT}new/", {"warehouse": factories.warehouse().pk, "scope": "whole"})
    made = StockCount.objects.get()
    url = f"{COUNT}{made.pk}/"

    rows = sheet(owner.get(url, {"file": 1}))
    assert rows == [
        ("SKU", "Title", "Barcode", "On hand", "Counted"),
        ("CUP", "Cup", None, 4, None),
        ("MUG", "Mug", None, 10, None),
    ]
    sent = book(rows[0], rows[1], ("MUG", "Mug", None, 10, 9))
    assert "Saved: 1 lines changed." in body(owner.post(url, {"what": "file", "file": sent}, follow=True))
    assert [row.counted for row in made.lines.order_by("variant__sku_key")] == [None, 9]

    wrong = book(rows[0], ("TEAPOT", "", None, 1, 9))
    answer = body(owner.post(url, {"what": "file", "file": wrong}, follow=True))
    assert "Row 2: TEAPOT is not in this count." in answer
    half = book(rows[0], ("MUG", "", None, 1, "1.5"))
    assert "Row 2: " in body(owner.post(url, {"what": "file", "file": half}, follow=True))
    none = book(rows[0], ("MUG", "", None, 1, None))
    assert "The file has no counted units." in body(
        owner.post(url, {"what": "file", "file": none}, follow=True)
    )
    assert "Choose the file." in body(owner.post(url, {"what": "file"}, follow=True))
    assert made.lines.get(variant__sku="MUG").counted == 9


def test_a_blind_sheet_has_no_figures(owner):
    factories.stocked("MUG", leeds=10)
    form = {"warehouse": factories.warehouse().pk, "scope": "chosen", "skus": "mug", "is_blind": "on"}
    owner.post(f"{COUNT}new/", form)

    rows = sheet(owner.get(f"{COUNT}{StockCount.objects.get().pk}/", {"file": 1}))

    assert rows == [("SKU", "Title", "Barcode", "Counted"), ("MUG", "Mug", None, None)]


def test_a_transfer_is_shipped_and_received_and_refused_in_one_sentence(owner):
    factories.stocked("MUG", leeds=5)
    leeds, lyon = factories.warehouse("leeds"), factories.warehouse("lyon")
    form = {"source": leeds.pk, "destination": lyon.pk, "lines": "MUG 9"}
    assert "two different warehouses" in body(
        owner.post(f"{TRANSFER}new/", {**form, "destination": leeds.pk})
    )
    owner.post(f"{TRANSFER}new/", form)
    url = f"{TRANSFER}{Transfer.objects.get().pk}/"
    answer = body(owner.post(url, {"what": "ship"}, follow=True))
    assert "MUG has 5 available units in Leeds (0 are allocated to orders): 9 cannot be sent." in answer
    owner.post(url, {"what": "cancel"})

    owner.post(f"{TRANSFER}new/", {**form, "lines": "MUG 3"})
    made = Transfer.objects.latest("pk")
    url, line = f"{TRANSFER}{made.pk}/", made.lines.get()
    assert "in transit" in body(owner.post(url, {"what": "ship"}, follow=True))
    assert "“x” is not a whole number" in body(
        owner.post(url, {"what": "receive", f"units-{line.pk}": "x"}, follow=True)
    )
    sent = {"what": "receive", f"units-{line.pk}": "2", f"lost-{line.pk}": "1"}
    assert "Nothing of it is in transit any more." in body(owner.post(url, sent, follow=True))
    assert (on_hand("MUG"), on_hand("MUG", "lyon")) == (2, 2)


def test_unusable_units_by_page(owner):
    factories.stocked("MUG", leeds=5)
    form = {
        "sku": "MUG",
        "warehouse": factories.warehouse().pk,
        "what": "set_aside",
        "units": "2",
        "reason": "broken",
    }
    assert "3 on hand, 2 unusable." in body(owner.post("/admin/inventory/unusable/", form, follow=True))
    assert "has 2 unusable units" in body(
        owner.post("/admin/inventory/unusable/", {**form, "what": "restore", "units": "3"})
    )
    entry = AuditEntry.objects.get(action="stock.unusable")
    assert (entry.author_name, entry.changes[0]) == ("owner", ["unusable", 0, 2])


@pytest.mark.req("R-INV-08")
def test_reorder_sets_a_supplier_and_gives_the_purchase_list(owner):
    mug = factories.stocked("MUG", leeds=2)
    mug.reorder_point = 5
    mug.save()
    supplier = Supplier.objects.create(name="Potters")
    url = "/admin/inventory/reorder/"
    assert "MUG" in body(owner.get(url))

    answer = owner.post(url, {"sku": mug.pk, "supplier": supplier.pk}, follow=True)
    assert "1 SKUs are bought from Potters now." in body(answer)
    assert SupplierSku.objects.get().supplier == supplier
    rows = sheet(owner.get(url, {"supplier": supplier.pk, "file": 1}))
    assert rows[1][:5] == ("Potters", "MUG", None, "Mug", 4)
    assert "MUG 4" in body(owner.get(f"{DELIVERY}new/?supplier={supplier.pk}"))
    assert AuditEntry.objects.filter(action="supplier.skus", author_name="owner").exists()
    assert owner.get(url, {"supplier": "x", "days": "\x00"}).status_code == 200
    assert as_role(Client(), "Read-only").post(url, {"sku": mug.pk}).status_code == 403


@pytest.mark.req("R-INV-08")
def test_ageing_page_and_file(owner):
    assert "No stock on hand." in body(owner.get("/admin/inventory/ageing/"))
    factories.stocked("MUG", leeds=2)

    assert "Leeds" in body(owner.get("/admin/inventory/ageing/"))
    assert sheet(owner.get("/admin/inventory/ageing/", {"file": 1}))[1][:5] == ("MUG", "Mug", "Leeds", 2, 0)


@pytest.mark.parametrize("url", [DELIVERY, COUNT, TRANSFER])
def test_a_document_that_does_not_exist_is_not_found(owner, url):
    assert owner.get(f"{url}999/").status_code == 404
    assert owner.post(f"{url}999/", {"what": "close"}).status_code == 404
    assert owner.get(f"{url}?q=x\x00").status_code == 200
