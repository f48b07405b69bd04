"""BigCommerce's app in a real browser: framed by its control panel alone, without cookies, and the way out of the frame.

The control panel is a page of another origin, answered in its place; everything else is real.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import BrowserContext, Error, FrameLocator, Page, Route, expect

from channels.connectors.bigcommerce.sandbox import make_sandbox
from channels.connectors.bigcommerce.sandbox.api import CLIENT_ID, CLIENT_SECRET
from channels.models import AppInstall, Connection
from tests.e2e.conftest import shot

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.req("R-CONN-01")]

PANEL = "https://store-abc123.mybigcommerce.com/manage/app/1"
STRANGER = "https://somewhere.example.net/"
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture
def shop(settings: Any, live_server: Any) -> Iterator[Any]:
    """A store whose app is ours; `OMS_PUBLIC_URL` is where BigCommerce's browser finds us."""
    with make_sandbox(seed="demo").serve() as running:
        app = {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "login_url": running.url,
            "api_url": running.url,
        }
        settings.OMS_APPS = {**settings.OMS_APPS, "bigcommerce": app}
        settings.OMS_PUBLIC_URL = live_server.url
        yield running


def framed(
    page: Page, live_server: Any, path: str, query: dict[str, str], *, by: str = PANEL
) -> FrameLocator:
    """A page of another origin with ours in its frame."""
    address = f"{live_server.url}/apps/bigcommerce/{path}?{urlencode(query)}"

    def panel(route: Route) -> None:
        body = (
            "<!DOCTYPE html><html lang=en><head><title>Control panel</title><meta name=viewport content='width=device-width'>"
            "<link rel=icon href='data:,'><style>body{margin:0;background:#e8eaf2;font:16px sans-serif}"
            "header{background:#1b2638;color:#fff;padding:1rem}iframe{border:0;width:100%;height:34rem}</style></head>"
            f"<body><header>Control panel</header><iframe id=app src='{address.replace('&', '&amp;')}'></iframe></body></html>"
        )
        route.fulfill(body=body, content_type="text/html")

    # A real panel and a real house are both on the internet; here the house is on this machine, which newer browsers ask about.
    with suppress(Error):
        page.context.grant_permissions(
            ["local-network-access"], origin=by.partition("/manage")[0].rstrip("/")
        )
    page.context.route(f"{by}**", panel)
    page.goto(by)
    return page.frame_locator("#app")


def out_of(page: Page, frame: FrameLocator, link: str) -> Page:
    """The window of its own that a link in the frame opens."""
    with page.context.expect_page() as opened:
        frame.get_by_role("link", name=link).click()
    window = opened.value
    window.wait_for_load_state()
    return window


def sign_in(window: Page) -> None:
    window.fill('input[name="username"]', "owner")
    window.fill('input[name="password"]', "correct horse battery")
    window.click('#login-form button[type="submit"]')


def test_install_shows_in_the_frame_and_leads_out_of_it_to_a_connected_store(
    page: Page, shop: Any, live_server: Any
):
    User.objects.create_superuser("owner", password="correct horse battery")
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    frame = framed(page, live_server, "auth", shop.sandbox.install())
    expect(frame.get_by_role("heading", name="App connected")).to_be_visible()
    shot(page, "bigcommerce-frame-1440")
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    expect(frame.get_by_role("link", name="Go to Manifold OMS")).to_be_in_viewport()
    shot(page, "bigcommerce-frame-390")
    assert Connection.objects.count() == 0

    window = out_of(page, frame, "Go to Manifold OMS")
    expect(window.locator("#login-form")).to_be_visible()
    sign_in(window)
    expect(window.get_by_role("heading", name="Connect this BigCommerce store")).to_be_visible()
    window.get_by_label("Display name").fill("UK shop")
    shot(window, "bigcommerce-claim")
    window.get_by_role("button", name="Connect").click()
    expect(window.get_by_role("heading", name="First sync of UK shop")).to_be_visible()
    window.close()

    store = Connection.objects.get()
    assert (store.fingerprint, store.is_read_only) == (shop.sandbox.store_hash, True)


def test_launch_needs_no_cookie_in_the_frame_and_goes_straight_on_where_one_is_signed_in(
    signed_in: Page, shop: Any, live_server: Any, context: BrowserContext
):
    page = signed_in
    sent: list[dict[str, str]] = []
    frame = framed(page, live_server, "auth", shop.sandbox.install())
    expect(frame.get_by_role("heading", name="App connected")).to_be_visible()
    page.on("request", lambda r: sent.append(r.all_headers()) if "/apps/bigcommerce/load" in r.url else None)
    before = {cookie["name"]: cookie["value"] for cookie in context.cookies()}
    frame = framed(page, live_server, "load", shop.sandbox.launch())
    expect(frame.get_by_role("link", name="Go to Manifold OMS")).to_be_visible()
    assert sent
    assert not [
        headers for headers in sent if "cookie" in headers
    ]  # the browser keeps ours from a foreign frame
    assert {cookie["name"]: cookie["value"] for cookie in context.cookies()} == before  # and gets none there

    window = out_of(page, frame, "Go to Manifold OMS")
    expect(window.get_by_role("heading", name="Connect this BigCommerce store")).to_be_visible()
    used = out_of(page, frame, "Go to Manifold OMS")
    expect(used.get_by_text("This link was used already")).to_be_visible()
    for one in (window, used):
        one.close()


def test_a_frame_of_anybody_else_stays_empty(context: BrowserContext, shop: Any, live_server: Any):
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    frame = framed(page, live_server, "load", shop.sandbox.launch(), by=STRANGER)
    page.wait_for_function("() => document.readyState === 'complete'")
    page.wait_for_timeout(300)

    assert any("frame-ancestors" in text for text in said)
    assert frame.get_by_text("Manifold OMS").count() == 0


def test_somebody_of_the_panel_asks_and_is_accepted(signed_in: Page, shop: Any, live_server: Any):
    page = signed_in
    framed(page, live_server, "auth", shop.sandbox.install())
    expect(page.frame_locator("#app").get_by_role("heading", name="App connected")).to_be_visible()
    row = AppInstall.objects.get()
    row.details = {**row.details, "waiting": {"77": "packer@example.com"}}
    row.save()

    frame = framed(page, live_server, "load", shop.sandbox.launch())
    expect(frame.get_by_text("packer@example.com")).to_be_visible()
    shot(page, "bigcommerce-frame-asks")
    window = out_of(page, frame, "Allow or refuse")
    expect(window.get_by_text("asks for access")).to_be_visible()
    window.set_viewport_size(NARROW)  # type: ignore[arg-type]
    shot(window, "bigcommerce-people-390")
    window.get_by_role("button", name="Allow").click()
    expect(window.get_by_text("packer@example.com has access")).to_be_visible()
    window.close()

    frame = framed(page, live_server, "load", shop.sandbox.launch(user_id=77, owner_id=1))
    expect(frame.get_by_role("link", name="Go to Manifold OMS")).to_be_visible()
