"""A real browser for the tests marked `e2e`: the machine's own Chromium, against a live server of this process."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: Chromium logs every answer above 399; these two are what a list's script waits for (`oms.kit.admin.figures`).
ANSWERED = re.compile(r"the server responded with a status of (409|422)")
SCREENSHOTS = Path(os.environ.get("OMS_SCREENSHOTS", "build/screenshots"))


def find_chromium() -> str:
    """The browser to drive: `OMS_CHROMIUM`, else the first that is installed. None is a failure, never a skip."""
    named = os.environ.get("OMS_CHROMIUM")
    found = named or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.fail("No Chromium here: install it, or say where it is with OMS_CHROMIUM.", pytrace=False)
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    # Playwright keeps an event loop in this thread, and Django would refuse to query beside one.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=flags)
        yield chromium
        chromium.close()


@pytest.fixture
def context(browser: Browser, live_server: Any) -> Iterator[BrowserContext]:
    """A window with nothing in it, which knows the live server's address. Requests to other hosts are refused."""
    context = browser.new_context(
        base_url=live_server.url, viewport={"width": 1360, "height": 900}, locale="en-GB"
    )
    context.set_default_timeout(15_000)
    context.route(
        lambda url: not url.startswith((live_server.url, "data:", "blob:", "http://127.0.0.1:")),
        lambda route: route.abort(),
    )
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page. What goes wrong in its scripts, or against the Content-Security-Policy, fails the test at its end.

    `page.shot("name")` is `shot(page, "name")`; each test also leaves a picture of its last page.
    """
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda message: (
            errors.append(message.text)
            if message.type == "error" and not ANSWERED.search(message.text)
            else None
        ),
    )
    yield page
    shot(page, request.node.name)
    assert errors == []


def shot(page: Page, name: str) -> Path:
    """A picture of the whole page, for people to look at: `build/screenshots/<name>.png`."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=str(path), full_page=True)
    return path


@pytest.fixture
def signed_in(page: Page, django_user_model: Any) -> Page:
    """The page, signed in as an owner."""
    django_user_model.objects.create_superuser("owner", password="correct horse battery")
    page.goto("/admin/login/?next=/admin/")
    page.fill('input[name="username"]', "owner")
    page.fill('input[name="password"]', "correct horse battery")
    page.click('#login-form button[type="submit"]')
    page.wait_for_url("**/admin/")
    return page
