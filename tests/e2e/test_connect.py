"""A connected store in the browser: paused, resumed, disconnected. The wizard itself: `test_connect_channels`."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from channels.models import Connection
from tests.e2e.shop import STORES, connect, sandbox, work

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _no_webhooks(settings):
    settings.OMS_PUBLIC_URL = ""


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
        expect(page.get_by_text("Sync of UK shop resumed")).to_be_visible()
        page.get_by_role("link", name="Disconnect…").click()
        expect(page.get_by_text("Products, orders, stock and history stay in Manifold.")).to_be_visible()
        page.get_by_role("button", name="Disconnect UK shop").click()
        expect(page.get_by_text("is disconnected. Its history stays")).to_be_visible()

    store = Connection.objects.get()
    assert store.state == "disconnected"
    assert dict(store.credentials) == {}
