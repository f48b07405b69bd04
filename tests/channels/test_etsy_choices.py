"""Etsy's own lists in the store's settings and in a product's attributes: names instead of numbers (`etsy.md` §3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from channels import tasks
from channels.connectors.etsy import reference_data, stock_prices
from channels.connectors.etsy.sandbox.seed import seed_demo
from channels.contract.errors import Rejected
from channels.contract.records.pages import PullQuery
from channels.contract.spec import Lane
from channels.models import Connection
from channels.pull import runner
from channels.sandbox.server import Running
from channels.stores import remote_options
from channels.stores.connect import reconnect
from tests.channels.test_etsy_goods import draft, group, single
from tests.support.etsy import asked, connected, connected_store, shop

pytestmark = pytest.mark.req("R-CAT-08")

PROFILES = [[501, "Letters"], [502, "Parcels &amp; pallets"]]


@pytest.fixture
def etsy() -> Iterator[Running]:
    options: dict[str, Any] = {
        "shipping_profiles": PROFILES,
        "processing_profiles": [[701, "ready_to_ship", 1, 2], [702, "made_to_order", 5, 8]],
        "return_policies": [[601, 30], [602, 0]],
        "sections": [[801, "Kitchen"], [802, "Bath"]],
    }
    with shop(per_second=10_000, **options) as running:
        yield running


@pytest.fixture
def owner(db: None) -> Client:
    get_user_model().objects.create_superuser("olga", password="secret")
    client = Client()
    client.login(username="olga", password="secret")
    return client


def test_the_lists_of_a_shop_by_name(etsy: Running) -> None:
    assert connected(etsy).pull_choices() == {
        "shipping_profile_id": [("501", "Letters"), ("502", "Parcels & pallets")],
        "readiness_state_id": [("701", "Ready to ship, 1-2 days"), ("702", "Made to order, 5-8 days")],
        "return_policy_id": [("601", "Returns and exchanges within 30 days"), ("602", "No returns")],
        "shop_section_id": [("801", "Kitchen"), ("802", "Bath")],
    }


def test_a_profile_that_was_deleted_is_no_choice() -> None:
    rows = [{"shipping_profile_id": 1, "title": "Old", "is_deleted": True}]

    assert reference_data.choices("shipping_profile_id", rows) == []


@pytest.mark.django_db
def test_the_settings_page_offers_names_once_they_were_read_and_keeps_what_was_chosen(
    etsy: Running, owner: Client
) -> None:
    store = connected_store(etsy)
    page = reverse("admin:store_settings", args=[store.pk])
    before = owner.get(page).content.decode()
    assert 'name="channel-shipping_profile_id"' in before
    assert "Parcels &amp; pallets" not in before  # not read yet: it is typed
    assert asked(etsy, "GET", "/shipping-profiles") == []  # and no page asks Etsy

    assert remote_options.refresh(store) is True
    page_now = owner.get(page).content.decode()
    for name in ("Parcels &amp; pallets", "Made to order, 5-8 days", "No returns", "Bath"):
        assert name in page_now
    given = {"which": "channel", "channel-cancel_days": "5", "channel-shipping_profile_id": "502"}
    assert owner.post(page, given).status_code == 302

    store.refresh_from_db()
    assert store.option("shipping_profile_id") == "502"
    etsy.sandbox.configure(shipping_profiles=[[501, "Letters"]])
    remote_options.refresh(store)
    setting = next(s for s in store.spec.settings if s.name == "shipping_profile_id")
    assert remote_options.options_for(store, setting) == [
        ("501", "Letters"),
        ("502", "502"),
    ]  # gone there, still chosen here
    refused = owner.post(page, given | {"channel-shipping_profile_id": "999"})
    assert "999 is not one of the available choices" in refused.content.decode()


@pytest.mark.django_db
def test_the_lists_are_read_daily_and_a_fault_leaves_the_old_ones(etsy: Running) -> None:
    store = connected_store(etsy)
    tasks.tick(Lane.DEFAULT)
    store.refresh_from_db()
    setting = next(s for s in store.spec.settings if s.name == "shop_section_id")
    assert [name for _key, name in remote_options.options_for(store, setting)] == ["Kitchen", "Bath"]
    asks = len(asked(etsy, "GET", "/sections"))

    tasks.tick(Lane.DEFAULT)
    assert len(asked(etsy, "GET", "/sections")) == asks == 1  # not every minute

    old = (timezone.now() - timedelta(days=2)).isoformat()
    store.account["choices"] |= {"read_at": old, "tried_at": old}
    store.save(update_fields=["account"])
    etsy.sandbox.inject("server_error", match="/sections", times=2)
    tasks.tick(Lane.DEFAULT)
    store.refresh_from_db()
    assert [name for _key, name in remote_options.options_for(store, setting)] == ["Kitchen", "Bath"]
    tasks.tick(Lane.DEFAULT)  # after a fault, an hour's rest
    assert len(asked(etsy, "GET", "/sections")) == 2

    Connection.objects.filter(pk=store.pk).update(state="paused")
    assert remote_options.refresh(connected(etsy).connection) is False  # a store that is not stored has none


@pytest.mark.django_db
def test_reconnecting_keeps_the_lists(etsy: Running) -> None:
    store = connected_store(etsy)
    remote_options.refresh(store)

    back = reconnect(connection=store, credentials=etsy.sandbox.credentials())

    assert back.account["choices"]["lists"]["shop_section_id"] == [["801", "Kitchen"], ["802", "Bath"]]


@pytest.mark.django_db
def test_the_stores_choice_is_what_a_new_listing_gets_and_the_products_own_word_wins(etsy: Running) -> None:
    chosen = {
        "shipping_profile_id": "502", "readiness_state_id": "702", "return_policy_id": "602", "shop_section_id": "802",
    }  # fmt: skip
    store = connected_store(etsy, options=chosen)
    adapter = runner.adapter_of(store)

    first = etsy.sandbox.shop.listings[adapter.create_listing(draft()).external_id]
    other = replace(draft(), title="Other", attributes={"shipping_profile_id": "letters", "tags": "one, two"})
    second = etsy.sandbox.shop.listings[adapter.create_listing(other).external_id]

    assert {name: str(first[name]) for name in chosen} == chosen
    offering = first["inventory"]["products"][0]["offerings"][0]
    assert offering["readiness_state_id"] == 702
    assert (second["shipping_profile_id"], second["tags"]) == (501, ["one", "two"])


def test_with_several_profiles_and_no_choice_the_sentence_says_what_to_choose(etsy: Running) -> None:
    with pytest.raises(Rejected, match="Choose a shipping profile"):
        connected(etsy).create_listing(draft())
    with pytest.raises(
        Rejected, match="no “Pigeons” for shipping_profile_id; it has: Letters, Parcels & pallets"
    ):
        connected(etsy).create_listing(replace(draft(), attributes={"shipping_profile_id": "Pigeons"}))

    assert etsy.sandbox.shop.listings == {}


def test_a_listing_is_moved_to_another_section_by_its_name(etsy: Running) -> None:
    row = single(etsy)
    changed = replace(
        draft(), external_id=str(row["listing_id"]), changed=frozenset({"attributes"}),
        attributes={"shop_section_id": "Bath"},
    )  # fmt: skip

    connected(etsy).update_listing(changed)

    assert row["shop_section_id"] == 802


def test_a_listing_gets_another_processing_profile_by_its_inventory(etsy: Running) -> None:
    """`updateListing` has no such field, and would pass over it in silence."""
    row = group(etsy)
    changed = replace(
        draft(), external_id=str(row["listing_id"]), changed=frozenset({"attributes"}),
        attributes={"readiness_state_id": "made to order, 5-8 days"},
    )  # fmt: skip

    connected(etsy).update_listing(changed)
    connected(etsy).update_listing(changed)

    offerings = [product["offerings"][0] for product in row["inventory"]["products"]]
    assert [one["readiness_state_id"] for one in offerings] == [702, 702, 702]
    assert [one["quantity"] for one in offerings] == [4, 2, 5]
    assert asked(etsy, "PATCH", "/listings/") == []
    assert len(asked(etsy, "PUT", "/inventory")) == 1  # the second time it is there


def test_a_download_has_no_processing_profile() -> None:
    offerings: list[dict[str, Any]] = [{"readiness_state_id": 701}, {"readiness_state_id": None}]

    stock_prices.set_readiness({"products": [{"offerings": offerings}]}, 702)

    assert [one["readiness_state_id"] for one in offerings] == [702, None]


def test_a_field_that_is_left_empty_is_no_word_against_the_store(etsy: Running) -> None:
    empty = dict.fromkeys(("shipping_profile_id", "readiness_state_id", "shop_section_id", "is_supply"), "")
    options = {"shipping_profile_id": "502", "readiness_state_id": "702", "return_policy_id": "601"}

    made = connected(etsy, options=options).create_listing(replace(draft(), attributes=empty))

    row = etsy.sandbox.shop.listings[made.external_id]
    assert (row["shipping_profile_id"], row["shop_section_id"], row["is_supply"]) == (502, None, False)


def test_who_made_it_goes_with_when_and_whether_it_is_a_supply(etsy: Running) -> None:
    """Etsy takes none of the three without the others."""
    row = single(etsy)
    changed = replace(
        draft(), external_id=str(row["listing_id"]), changed=frozenset({"attributes"}),
        attributes={"who_made": "collective", "is_supply": "True"},
    )  # fmt: skip

    connected(etsy).update_listing(changed)

    assert (row["who_made"], row["when_made"], row["is_supply"]) == ("collective", "made_to_order", True)


@pytest.mark.parametrize(("kinds", "is_made"), [((12, 12), True), ((11, 12), False), ((), False)])
def test_a_category_is_taken_from_the_shop_only_where_it_has_one(
    etsy: Running, kinds: tuple[int, ...], is_made: bool
) -> None:
    for kind in kinds:
        single(etsy, taxonomy_id=kind)
    before = len(etsy.sandbox.shop.listings)
    options = {"shipping_profile_id": "502", "readiness_state_id": "702"}
    wanted = replace(draft(), category_external_ids=())

    if is_made:
        made = connected(etsy, options=options).create_listing(wanted)
        assert etsy.sandbox.shop.listings[made.external_id]["taxonomy_id"] == 12
    else:
        with pytest.raises(Rejected, match="Choose a category of Etsy"):
            connected(etsy, options=options).create_listing(wanted)
        assert len(etsy.sandbox.shop.listings) == before


# ---------------------------------------------------------------- properties of the category


MATERIAL = {
    "property_id": 300, "name": "material", "display_name": "Material", "scales": [], "is_required": False,
    "supports_attributes": True, "supports_variations": False, "is_multivalued": True, "max_values_allowed": 5,
    "possible_values": [
        {"value_id": n, "name": name, "scale_id": None, "equal_to": []}
        for n, name in enumerate(("Oak", "Beech", "Ash", *(f"Wood {k}" for k in range(12))), start=1)
    ],
    "selected_values": [],
}  # fmt: skip


@pytest.fixture
def wood(etsy: Running) -> Running:
    """A shop in whose category goods are of several materials."""
    seed_demo(etsy.sandbox.shop)
    etsy.sandbox.shop.properties["11"].append(MATERIAL)
    etsy.sandbox.shop.listings.clear()
    etsy.sandbox.shop.settings["shipping_profiles"] = PROFILES[:1]
    etsy.sandbox.shop.settings["processing_profiles"] = [[701, "ready_to_ship", 1, 2]]
    return etsy


def test_several_values_of_an_attribute_go_with_their_numbers(wood: Running) -> None:
    wanted = replace(draft(), attributes={"material": "ash, Oak", "Primary color": "Moss", "tags": "one"})

    made = connected(wood).create_listing(wanted)

    row = wood.sandbox.shop.listings[made.external_id]
    assert row["properties"]["300"]["value_ids"] == [3, 1]
    assert (row["properties"]["200"]["values"], row["tags"]) == (["Moss"], ["one"])


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"Material": "Oak, Plastic"}, "Etsy's Material has no “Plastic”; it has: Oak, Beech, Ash, Wood 0"),
        ({"Primary color": "Crimson"}, "no “Crimson”; it has: Cream, Moss, Night Blue."),
        ({"Flavour": "Mint"}, "This category of Etsy has no attribute called Flavour."),
    ],
)
def test_an_attribute_that_etsy_does_not_have_is_named_before_anything_is_made(
    wood: Running, attributes: dict[str, str], words: str
) -> None:
    with pytest.raises(Rejected) as caught:
        connected(wood).create_listing(replace(draft(), attributes=attributes))

    assert words in str(caught.value)
    assert wood.sandbox.shop.listings == {}


def test_the_fields_of_every_listing_are_attributes_too(etsy: Running) -> None:
    single(etsy, taxonomy_id=None)

    records = {record.name: record.values for record in connected(etsy).pull_attributes(PullQuery()).records}

    assert set(records) == {
        "tags", "materials", "who_made", "when_made", "is_supply", "shipping_profile_id", "readiness_state_id",
        "return_policy_id", "shop_section_id",
    }  # fmt: skip
    assert records["shipping_profile_id"] == ("Letters", "Parcels & pallets")
    assert records["when_made"] == ()  # its ranges move every January
