"""Leaving: a store is deleted, everything is exported, a buyer is erased."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from catalogue.models import Listing
from channels.models import Connection, OutboxMessage
from channels.stores import services
from oms.kit.background import jobs
from oms.kit.models import AuditEntry, Job
from oms.upkeep import deleting
from orders.models import Order
from tests import factories
from tests.channels.test_commands import run
from tests.orders.test_retention import order as placed

pytestmark = [pytest.mark.django_db, pytest.mark.fault("F-72")]


def test_a_store_is_deleted_after_it_is_disconnected_and_its_orders_stay(
    capsys: pytest.CaptureFixture[str],
) -> None:
    order = placed(factories.store("UK"), "1", days=1, status="completed")
    store = order.connection
    name, pk = store.name, store.pk
    code, refused = run(capsys, "delete_store", "--store", name, "--yes")
    assert (code, refused["error"]) == (2, f"{name} is connected: disconnect it first on its page.")
    services.disconnect(connection=store)
    OutboxMessage.objects.create(
        connection=store, kind="event", topic="shipped", lane="orders", subject=1, key="a"
    )

    code, plan = run(capsys, "delete_store", "--store", name)
    assert (code, plan["ok"], plan["kept"]) == (1, False, {"orders": 1})
    assert OutboxMessage.objects.filter(connection=pk).count() == 1

    code, done = run(capsys, "delete_store", "--store", name, "--yes")
    assert (code, done["ok"]) == (0, True)
    left = Connection.objects.get(pk=pk)
    assert left.name.startswith(f"{name} (deleted ")
    assert (left.fingerprint, dict(left.credentials), left.account) == (f"deleted:{pk}", {}, {})
    assert Order.objects.get(pk=order.pk).connection_id == pk
    assert OutboxMessage.objects.filter(connection=pk).count() == 0
    assert AuditEntry.objects.filter(action="store.deleted").count() == 1
    assert run(capsys, "delete_store", "--store", str(pk), "--yes")[1]["error"].endswith(
        "is deleted already. Its orders stay."
    )


def test_a_store_without_orders_vanishes(capsys: pytest.CaptureFixture[str]) -> None:
    store = factories.store("UK")
    services.disconnect(connection=store)
    assert run(capsys, "delete_store", "--store", store.name, "--yes")[0] == 0
    assert not Connection.objects.filter(pk=store.pk).exists()
    assert not Listing.objects.filter(connection=store.pk).exists()


def test_everything_is_exported_in_open_formats_without_secrets(
    tmp_path: Path, settings: Any, capsys: pytest.CaptureFixture[str], django_user_model: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    document = settings.MEDIA_ROOT / "documents" / "ab" / "abc.pdf"
    document.parent.mkdir(parents=True)
    document.write_bytes(b"%PDF")
    order = placed(factories.store("UK"), "1", days=1, status="completed")
    Connection.objects.filter(pk=order.connection_id).update(credentials={"secret_key": "s3cret-word"})
    django_user_model.objects.create_user("ann", password="long and secret 1")
    target = tmp_path / "all of it.zip"
    code, made = run(capsys, "export_all", str(target))
    assert (code, made["rows"]["orders_order"], made["rows"]["documents"]) == (0, 1, 1)
    assert target.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(target) as made_zip:
        assert made_zip.testzip() is None
        [row] = csv.DictReader(io.StringIO(made_zip.read("tables/orders_order.csv").decode()))
        assert row["id"] == str(order.pk)
        assert made_zip.read("documents/abc.pdf") == b"%PDF"
        whole = b"".join(made_zip.read(name) for name in made_zip.namelist())
        people = made_zip.read("tables/auth_user.csv").decode().splitlines()
    assert "password" not in people[0]
    assert "ann" in people[1]
    assert b"s3cret-word" not in whole
    with pytest.raises(CommandError) as error:
        call_command("export_all", str(target))
    assert error.value.returncode == 2


def test_one_buyer_is_erased(capsys: pytest.CaptureFixture[str]) -> None:
    order = placed(factories.store("UK"), "1", days=1, status="completed")
    code, done = run(capsys, "buyer", "ada@example.com", "--export")
    assert (code, len(done["orders"])) == (0, 1)
    assert "ada@example.com" in json.dumps(done)
    assert run(capsys, "buyer", "ada@example.com", "--erase") == (0, {"orders": 1})
    order.refresh_from_db()
    assert order.customer_email == ""


def test_an_owner_deletes_a_disconnected_store_on_its_page(admin_client: Client) -> None:
    order = placed(factories.store("UK"), "1", days=1, status="completed")
    store = order.connection
    page, delete = reverse("admin:store", args=[store.pk]), reverse("admin:store_delete", args=[store.pk])
    assert "Delete store…" not in admin_client.get(page).content.decode()
    refused = admin_client.get(delete, follow=True)
    assert f"{store.name} is connected: disconnect it first on its page." in refused.content.decode()
    services.disconnect(connection=store)
    OutboxMessage.objects.create(
        connection=store, kind="event", topic="shipped", lane="orders", subject=1, key="a"
    )
    assert delete in admin_client.get(page).content.decode()
    asked = admin_client.get(delete).content.decode()
    assert "Kept: 1 orders." in asked

    first = admin_client.post(delete, {"confirmed": "1"})
    again = admin_client.post(delete, {"confirmed": "1"})
    job = Job.objects.get(kind=deleting.JOB)
    assert first["Location"] == again["Location"] == reverse("admin:job", args=[job.pk])
    assert OutboxMessage.objects.filter(connection=store).exists()  # the page itself deletes nothing
    while jobs.work(job.pk):
        pass
    job.refresh_from_db()
    assert (job.state, job.message) == (Job.State.DONE, f"{store.name} is deleted.")
    assert not OutboxMessage.objects.filter(connection=store).exists()
    assert Order.objects.filter(pk=order.pk).exists()
    assert Connection.objects.get(pk=store.pk).is_deleted


def test_a_store_connected_again_meanwhile_is_not_deleted(admin_user: Any) -> None:
    store = factories.store("UK")
    services.disconnect(connection=store)
    store.refresh_from_db()
    job = deleting.start(store, by=admin_user)
    Connection.objects.filter(pk=store.pk).update(state=Connection.State.ACTIVE)
    while jobs.work(job.pk):
        pass
    job.refresh_from_db()
    assert job.state == Job.State.FAILED
    assert job.message == f"{store.name} is connected: disconnect it first on its page."
    assert Connection.objects.filter(pk=store.pk, state=Connection.State.ACTIVE).exists()


def test_counts_of_a_large_store_say_more_than(db: None) -> None:
    assert deleting.written({"orders": 3, "messages": 11}, most=10) == ["3 orders", "more than 10 messages"]
