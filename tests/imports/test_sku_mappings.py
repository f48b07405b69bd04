"""Spreadsheets that map the SKUs of stores."""

from __future__ import annotations

import pytest

from catalogue.models import SkuAlias
from oms.kit.models import AuditEntry
from tests import factories
from tests.imports.flow import applied, reasons, undone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("var_dir")]


def mapped() -> set[tuple[str | None, str, str]]:
    return set(SkuAlias.objects.values_list("connection__name", "sku", "variant__sku"))


@pytest.mark.req("R-CAT-04")
def test_mappings_are_made_changed_and_undone() -> None:
    shop = factories.store("UK Shop")
    mug, cup = factories.variant("MUG"), factories.variant("CUP")
    factories.alias("OLD-1", cup)
    factories.listed(cup, shop, external_sku="LISTED")

    found = applied(
        "sku-mappings",
        ["SKU in store", "SKU", "Store"],
        ["SHOP-1", "MUG", "UK Shop"],
        ["OLD-1", "MUG", ""],
        ["CUP", "MUG", ""],
        ["LISTED", "MUG", "UK Shop"],
        ["X", "NONE", ""],
        ["MUG", "MUG", ""],
    )

    assert found.counts == {"created": 1, "updated": 1, "unchanged": 1, "rejected": 3}
    assert {row: codes[0] for row, codes in reasons(found).items()} == {
        4: "mapping-impossible",
        5: "mapping-impossible",
        6: "sku-unknown",
    }
    assert mapped() == {("UK Shop", "SHOP-1", "MUG"), (None, "OLD-1", "MUG")}
    assert " shop-1 " in type(mug).objects.get(pk=mug.pk).search_text

    undone(found)

    assert mapped() == {(None, "OLD-1", "CUP")}
    assert AuditEntry.objects.filter(action="sku.unmapped").count() == 1
