"""Attributes of a category in which the SKUs of a group differ: its options, with the store's own value of each (R-CAT-08)."""

from __future__ import annotations

from typing import Any

import pytest

from catalogue.inbound.reference_data import brands_by_name
from catalogue.models import Attribute, Listing, Product
from catalogue.services.listing import checks
from catalogue.services.listing.drafts import ListingForm, save_draft
from channels.connectors.etsy import payloads
from tests import factories
from tests.admin.listing_data import address, connected, said

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-CAT-08"), pytest.mark.req("R-CAT-05")]
COLOUR = {
    "property_id": 200, "display_name": "Primary color", "is_required": False, "supports_attributes": True,
    "supports_variations": True, "is_multivalued": False,
    "possible_values": [{"value_id": 2, "name": "Moss", "scale_id": None}],
}  # fmt: skip


def cup(currency: str, option: str, *values: str) -> Product:
    product = factories.product(
        *(f"CUP-{number}" for number in range(len(values))), title="Cup for tea", price=9, currency=currency
    )
    brand = brands_by_name(["Kiln Street"])["kiln street"]
    Product.objects.filter(pk=product.pk).update(description="<p>x</p>", brand=brand, option_names=[option])
    for variant, value in zip(product.variants.order_by("position"), values, strict=True):
        variant.options = {option: value}
        variant.save()
    return Product.objects.get(pk=product.pk)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("primary color", "moss", (200, "Primary color", [2], ["Moss"])),
        ("Primary color", "Sand (light)", (200, "Primary color", [], ["Sand light"])),
        ("Size", "S", (513, "Size", [], ["S"])),
    ],
)
def test_an_option_that_etsy_knows_is_sent_with_its_ids(
    name: str, value: str, expected: tuple[Any, ...]
) -> None:
    found = payloads.option_value([COLOUR], 513, name, value)  # type: ignore[list-item]
    assert (found["property_id"], found["property_name"], found["value_ids"], found["values"]) == expected


def fill(owner: Any, product: Product, store: Any, category: str, **chosen: str) -> Any:
    """Choose the category, then the store's value of each option value; return the saved page."""
    path = address(product, store)
    page = owner.post(path, {"category": category, "of_category": ""})
    form = page.context["form"]
    labels = {str(field.label): name for name, field in form.fields.items()}
    data = {name: form.initial.get(name, "") or "" for name in form.fields}
    data |= {labels[label]: value for label, value in chosen.items()}
    return owner.post(path, {**data, "of_category": page.context["of_category"]})


def test_the_values_of_the_store_are_chosen_for_each_option_value_and_sent_to_etsy(owner, serve):
    store = connected(serve("etsy"), "etsy")
    product = cup(store.currency, "Primary color", "Moss green", "Cream")
    answer = fill(owner, product, store, "Kitchen & Dining", **{"Primary color of Moss green": "Moss"})
    assert answer.status_code == 302, said(answer)
    listing = Listing.objects.get(product=product)
    rows = listing.variants.order_by("variant__position")
    assert [row.own_attributes for row in rows] == [{"Primary color": "Moss"}, {}]

    [_form, document] = [
        one
        for one in checks.requests_of(listing)
        if "products" in (one.body or {}) or one.path.endswith("listings")
    ][:2]
    values = [one["property_values"][0] for one in document.body["products"]]
    assert [(one["property_id"], one["value_ids"], one["values"]) for one in values] == [
        (200, [2], ["Moss"]),
        (200, [1], ["Cream"]),
    ]
    assert document.body["sku_on_property"] == [200]


def test_a_required_attribute_that_is_an_option_needs_no_value_of_the_listing(owner, serve):
    store = connected(serve("onbuy"), "onbuy")
    product = cup(store.currency, "Colour", "Moss", "Teal green")
    path = address(product, store)
    owner.post(path, {"category": "Tea & Coffee", "of_category": ""})  # imports its attributes
    colour = Attribute.objects.get(connection=store, name="Colour")
    colour.is_required = True
    colour.save()
    listing = save_draft(product, store, ListingForm([colour.external_id.partition(":")[0]]))
    [problem] = checks.problems_of(listing)
    assert problem.field == "attribute:Colour"
    assert "“Teal green” is not allowed for Colour." in problem.message

    allowed = colour.values[0]
    form = ListingForm(listing.category_external_ids, by_option={"Colour": {"Teal green": allowed}})
    save_draft(product, store, form)
    assert checks.problems_of(listing) == []
    body = checks.requests_of(listing)[0].body["products"][0]
    assert [row["variant_1"]["name"] for row in body["variants"]] == ["Moss", allowed]
    assert sorted(one["name"] for one in body["features"]) == sorted({"Moss", allowed})
