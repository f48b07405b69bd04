"""Connect a store in the browser: right key, wrong key, same shop twice."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from channels.models import CallLog, Connection
from oms.kit.models import Job
from tests.e2e.conftest import shot
from tests.e2e.shop import STORES, connect, sandbox, work

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _no_webhooks(settings):
    settings.OMS_PUBLIC_URL = ""


@pytest.mark.req("R-CONN-02", "R-CONN-06", "R-CONN-09")
def test_a_wrong_key_is_one_sentence_and_nothing_is_stored(signed_in: Page):
    page = signed_in
    with sandbox() as (_shop, running):
        connect(page, running, key="0" * 48)
        expect(page.locator(".oms-error")).to_contain_text("did not accept the secret key")
        shot(page, "connect-wrong-key")
        assert page.get_by_label("Secret key").input_value() == ""
        assert page.get_by_label("Name of the store here").input_value() == "UK shop"

    assert Connection.objects.count() == 0
    assert Job.objects.count() == 0
    assert CallLog.objects.count() == 0


@pytest.mark.req("R-CONN-02", "R-CONN-07")
def test_a_store_is_connected_once(signed_in: Page):
    page = signed_in
    with sandbox() as (_shop, running):
        connect(page, running)
        expect(page.get_by_role("heading", name="First sync of UK shop")).to_be_visible()
        expect(page.get_by_text("Verified: Fern & Kettle")).to_be_visible()
        page.goto(STORES)
        expect(page.get_by_role("link", name="UK shop")).to_be_visible()
        shot(page, "stores")

        connect(page, running, name="The same again")
        expect(page.locator(".oms-errors")).to_contain_text("already connected as “UK shop”")

    store = Connection.objects.get()
    assert (store.name, store.is_read_only, store.state) == ("UK shop", True, "active")
    assert running.secret_key not in page.content()


@pytest.mark.req("R-CONN-09")
def test_pause_resume_and_disconnect(signed_in: Page):
    page = signed_in
    with sandbox(seed="empty") as (_shop, running):
        connect(page, running)
        work(page)
        page.goto(STORES)
        page.get_by_role("link", name="UK shop").click()
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_text("UK shop is paused")).to_be_visible()
        assert Connection.objects.get().state == "paused"
        page.get_by_role("button", name="Resume").click()
        expect(page.get_by_text("goes on from where it stood")).to_be_visible()
        page.get_by_role("link", name="Disconnect…").click()
        expect(page.get_by_text("Its products, orders, stock and history stay here.")).to_be_visible()
        page.get_by_role("button", name="Disconnect UK shop").click()
        expect(page.get_by_text("is disconnected; its history stays")).to_be_visible()

    store = Connection.objects.get()
    assert store.state == "disconnected"
    assert dict(store.credentials) == {}
