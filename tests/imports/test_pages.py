"""The pages under Catalogue » Excel."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from openpyxl.reader.excel import load_workbook

from catalogue.models import Variant
from oms.accounts import roles
from oms.kit import jobs
from oms.kit.imports.models import ColumnMapping, SheetImport
from oms.kit.models import Job
from tests import factories
from tests.imports.flow import table

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("var_dir")]
URL = "/admin/catalogue/excel/"


@pytest.fixture
def client_of() -> Any:
    """Return a function: role -> a signed-in client."""
    roles.upsert_roles()

    def made(role: str) -> Client:
        user = factories.user(role.split()[0].lower())
        user.groups.set([Group.objects.get(name=role)])
        client = Client()
        client.force_login(user)
        return client

    return made


def work() -> None:
    """Work all jobs that wait."""
    for job in Job.objects.live():
        jobs.run_here(job)


def send(client: Client, kind: str, *rows: Any, **more: Any) -> Any:
    file = SimpleUploadedFile("stock list.csv", table(*rows))
    return client.post(f"{URL}add/", {"kind": kind, "file": file, **more}, follow=True)


@pytest.mark.req("R-USE-02", "R-PLUS-15")
def test_from_the_upload_to_undo(client_of: Any) -> None:
    factories.stocked("MUG", leeds=4)
    client = client_of("Owner")
    page = send(client, "prices", ["SKU", "Price"], ["MUG", "12"], ["NONE", "1"])
    found = SheetImport.objects.get()
    assert page.redirect_chain == [(f"{URL}{found.pk}/", 302)]
    assert b"Cancel import" in page.content
    assert b"Apply changes" not in page.content

    work()
    page = client.get(f"{URL}{found.pk}/")
    text = page.content.decode()
    assert "Price: 10.00 → 12.00" in text
    assert "Manifold does not have the SKU “NONE”." in text
    assert "Apply changes" in text
    assert Variant.objects.get().price == 10
    back = client.get(f"{URL}{found.pk}/file/")
    assert 'filename="stock list-result.xlsx"' in back["Content-Disposition"]
    cells = list(load_workbook(BytesIO(b"".join(back.streaming_content))).active.iter_rows(values_only=True))
    assert [row[2] for row in cells] == ["Status", "Changed", "Rejected"]

    client.post(f"{URL}{found.pk}/", {"do": "confirm"})
    client.post(f"{URL}{found.pk}/", {"do": "confirm"})  # sent twice: acts once
    work()
    found.refresh_from_db()
    assert (found.state, str(Variant.objects.get().price)) == ("done", "12.0000")
    assert Job.objects.filter(kind="imports.apply").count() == 1
    assert "Undo import" in client.get(f"{URL}{found.pk}/").content.decode()

    assert b"Undo 1 rows of this import?" in client.post(f"{URL}{found.pk}/", {"do": "undo"}).content
    client.post(f"{URL}{found.pk}/", {"do": "undo", "confirmed": "1"})
    work()
    assert Variant.objects.get().price == 10
    assert "Undo import" not in client.get(f"{URL}{found.pk}/").content.decode()


@pytest.mark.req("R-USE-02")
def test_large_changes_are_applied_only_with_a_yes(client_of: Any) -> None:
    factories.stocked("MUG", leeds=4)
    client = client_of("Owner")
    send(client, "stock", ["SKU", "Quantity"], ["MUG", "0"])
    work()
    found = SheetImport.objects.get()
    assert "The stock of 1 SKU is set to 0." in client.get(f"{URL}{found.pk}/").content.decode()

    client.post(f"{URL}{found.pk}/", {"do": "confirm"})
    found.refresh_from_db()
    assert found.state == "checked"

    client.post(f"{URL}{found.pk}/", {"do": "confirm", "accept": "1"})
    found.refresh_from_db()
    assert found.state == "applying"


@pytest.mark.req("R-USE-02")
def test_unknown_headings_are_mapped_and_remembered(client_of: Any) -> None:
    factories.variant("MUG")
    client = client_of("Owner")
    rows = (["Ref X", "Tarif", "Mystery"], ["MUG", "11", "x"])
    send(client, "prices", *rows)
    work()
    found = SheetImport.objects.get()
    assert "Map columns" in client.get(f"{URL}{found.pk}/").content.decode()

    page = client.get(f"{URL}{found.pk}/columns/").content.decode()
    assert "Mystery" in page
    assert ">MUG<" in page
    sent = {"header_row": "1", "column-0": "sku", "column-1": "sku", "column-2": "", "save_as": "Supplier"}
    refused = client.post(f"{URL}{found.pk}/columns/", sent).content.decode()
    assert "Two columns are mapped to SKU" in refused
    client.post(f"{URL}{found.pk}/columns/", {**sent, "column-1": "price"})
    work()
    found.refresh_from_db()
    assert (found.state, found.counts["updated"]) == ("checked", 1)
    assert ColumnMapping.objects.get().mapping == {"Ref X": "sku", "Tarif": "price", "Mystery": ""}

    send(client, "prices", *rows)
    work()
    assert SheetImport.objects.order_by("-pk")[0].counts["updated"] == 1


@pytest.mark.req("R-USE-02")
def test_the_same_file_is_named(client_of: Any) -> None:
    factories.variant("MUG")
    client = client_of("Owner")
    for _time in range(2):
        send(client, "prices", ["SKU", "Price"], ["MUG", "11"])
        work()
        found = SheetImport.objects.order_by("-pk")[0]
        client.post(f"{URL}{found.pk}/", {"do": "confirm"})
        work()
    assert "The same file was imported before:" in client.get(f"{URL}{found.pk}/").content.decode()


@pytest.mark.req("R-USE-02")
def test_an_export_is_a_job_and_a_template_a_file(client_of: Any) -> None:
    factories.stocked("0017", leeds=4)
    client = client_of("Owner")
    page = client.post(f"{URL}export/stock/", follow=True)
    work()
    job = Job.objects.get(kind="imports.export")
    assert page.redirect_chain == [(f"{URL}exports/{job.pk}/", 302)]
    body = b"".join(client.get(f"{URL}exports/{job.pk}/file/").streaming_content)
    rows = list(load_workbook(BytesIO(body)).active.iter_rows(values_only=True))
    assert rows[1][:3] == ("0017", "Leeds", 4)
    template = client.get(f"{URL}template/products/")
    assert 'filename="products-template.xlsx"' in template["Content-Disposition"]
    other = client_of("Catalogue manager")
    assert other.get(f"{URL}exports/{job.pk}/file/").status_code == 404


@pytest.mark.req("R-USE-02")
def test_each_role_sees_and_does_what_it_may(client_of: Any) -> None:
    factories.variant("MUG")
    owner, warehouse, reader = (client_of(name) for name in ("Owner", "Warehouse", "Read-only"))
    send(owner, "prices", ["SKU", "Price"], ["MUG", "11"])
    found = SheetImport.objects.get()

    assert reader.get(URL).status_code == 403
    assert reader.get(f"{URL}add/").status_code == 403
    work()
    page = warehouse.get(f"{URL}{found.pk}/")
    assert page.status_code == 200
    assert b"Apply changes" not in page.content
    assert warehouse.post(f"{URL}{found.pk}/", {"do": "confirm"}).status_code == 403
    assert warehouse.get(f"{URL}{found.pk}/columns/").status_code == 404
    found.refresh_from_db()
    assert found.state == "checked"
    assert warehouse.get(f"{URL}{found.pk}/file/").status_code == 404
    assert warehouse.get(f"{URL}template/prices/").status_code == 404
    assert warehouse.post(f"{URL}export/products/").status_code == 404
    refused = send(warehouse, "prices", ["SKU", "Price"], ["MUG", "11"])
    assert "Select a valid choice" in refused.content.decode()
    assert SheetImport.objects.count() == 1
    assert "stock list.csv" in owner.get(URL).content.decode()


@pytest.mark.req("R-USE-02")
def test_a_file_that_is_no_table_is_named(client_of: Any) -> None:
    client = client_of("Owner")
    file = SimpleUploadedFile("x.xlsx", b"%PDF-1.7 nothing")
    client.post(f"{URL}add/", {"kind": "stock", "file": file})
    work()
    text = client.get(f"{URL}{SheetImport.objects.get().pk}/").content.decode()
    assert "The file is a PDF document, not a spreadsheet." in text


@pytest.mark.req("R-USE-02")
def test_the_list_costs_a_fixed_number_of_statements(
    client_of: Any, django_assert_max_num_queries: Any
) -> None:
    client = client_of("Owner")
    for number in range(3):
        send(client, "stock", ["SKU", "Quantity"], [f"S-{number}", "1"])
    client.get(URL)
    with django_assert_max_num_queries(12):
        assert client.get(URL).status_code == 200
