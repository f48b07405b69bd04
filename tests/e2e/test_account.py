"""My account, the audit log, the sign-in rules and personal data in a browser, on a desk and on a phone (F-34, F-36)."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import Page

from channels.models import Connection
from oms.kit.authors import audit
from oms.kit.authors.actors import Author, acting
from tests.e2e.conftest import SCREENSHOTS
from tests.security.rows import every_row

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

PAGES = ("account", "kit_auditentry_changelist", "security", "personal_data")


@pytest.mark.parametrize(("wide", "high"), [(1440, 900), (390, 844)])
def test_the_pages_about_security_fit_the_screen(
    page: Page, live_server, signed_in, wide: int, high: int
) -> None:
    rows = every_row()
    store = Connection.objects.get(pk=rows.ids["channels.connection"])
    with acting(Author("person", None, "anna")):
        audit.record(
            "store.settings", store, {"name": ("Old shop", "UK Shop"), "options.auto": (False, True)}
        )
        audit.record("store.paused", store, {"state": ("active", "paused")})
    page.set_viewport_size({"width": wide, "height": high})
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for name in (*PAGES, "store_history", "auth_user_changelist"):
        args = [store.pk] if name == "store_history" else []
        page.goto(live_server.url + reverse(f"admin:{name}", args=args))
        page.screenshot(path=SCREENSHOTS / f"security-{name}-{wide}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= wide, name
    assert page.get_by_role("heading", level=1).count() == 1
