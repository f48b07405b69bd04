"""Catalogue » Excel in a browser: a file with bad rows, its columns mapped, applied, undone; a phone has no overflow."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from playwright.sync_api import Page

from catalogue.models import Variant
from oms.kit.background import jobs
from oms.kit.imports import source
from oms.kit.models import Job
from tests import factories
from tests.e2e.conftest import shot
from tests.imports.flow import table

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
WIDTHS = {"desk": 1440, "phone": 390}


def work() -> None:
    for job in Job.objects.live():
        jobs.run_here(job)


def look(page: Page, name: str) -> None:
    """Take a picture at both widths; the page has no overflow and nothing that axe calls serious."""
    for width_name, width in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": 900})
        shot(page, f"excel-{name}-{width_name}")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{name} at {width}"
    page.set_viewport_size({"width": WIDTHS["desk"], "height": 900})


@pytest.mark.req("R-USE-02", "R-PLUS-15")
def test_a_file_is_mapped_applied_and_undone(signed_in: Page, tmp_path: Path, settings: Any) -> None:
    settings.VAR_DIR = tmp_path
    cache.clear()
    source.forget()
    store = factories.store("UK Shop")
    for number in range(12):
        factories.stocked(f"MUG-{number:02}", connection=store, leeds=4)
    rows = [[f"MUG-{n:02}", f"{20 + n / 10:.2f}", "note"] for n in range(12)]
    rows += [["GONE", "5.00", ""], ["MUG-01", "many", ""]]
    file = tmp_path / "supplier prices.csv"
    file.write_bytes(table(["Ref X", "Tarif", "Mystery"], *rows))
    page = signed_in

    page.goto("/admin/catalogue/excel/")
    look(page, "empty")
    page.get_by_role("link", name="Import a file").first.click()
    look(page, "start")
    page.get_by_label("What the file holds").select_option(label="Prices")
    page.set_input_files('input[type="file"]', str(file))
    page.get_by_role("button", name="Upload and check").click()
    look(page, "checking")
    work()
    page.get_by_role("link", name="Map columns").click()
    page.get_by_label("Field of Ref X").select_option(label="SKU *")
    page.get_by_label("Field of Tarif").select_option(label="Price")
    page.get_by_label("Save this mapping as").fill("Supplier")
    look(page, "columns")
    page.get_by_role("button", name="Use these columns").click()
    work()
    page.get_by_label("Yes, these changes are right.").check()
    look(page, "checked")
    page.get_by_role("button", name="Apply changes").click()
    work()
    page.get_by_role("button", name="Undo import").wait_for()
    assert Variant.objects.get(sku="MUG-11").price == Decimal("21.1")
    look(page, "done")
    page.get_by_role("button", name="Undo import").click()
    page.get_by_role("button", name="Undo import").click()
    work()
    page.get_by_text("12 rows undone").or_(page.get_by_text("Undone").first).first.wait_for()
    assert set(Variant.objects.values_list("price", flat=True)) == {10}
    page.goto("/admin/catalogue/excel/")
    look(page, "list")
