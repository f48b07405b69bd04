"""The first sync of an empty shop in the browser. That of a full one: `test_connect_channels`."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from catalogue.models import Listing
from tests.e2e.shop import connect, sandbox, work

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _no_webhooks(settings):
    settings.OMS_PUBLIC_URL = ""


@pytest.mark.req("R-CONN-08")
def test_a_store_with_no_products_says_so(signed_in: Page):
    page = signed_in
    with sandbox(seed="empty") as (_shop, running):
        connect(page, running)
        work(page)
        expect(page.get_by_text("The store has no products, so none were imported.").first).to_be_visible()
    assert Listing.objects.count() == 0
