"""One writer for each listing, pictures of variations, and the texts of a listing (`etsy.md` §5, §6)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection as database

from catalogue.services.products import edit_product
from channels.connectors.etsy import listing_bodies
from channels.connectors.etsy.adapter import EtsyAdapter
from channels.connectors.etsy.stock_prices import StockAndPrices
from channels.contract.errors import Rejected, TemporaryError
from channels.contract.records.products import ProductKind
from channels.contract.records.updates import ListingDraft, VariantDraft
from channels.models import Connection, WakeUp
from channels.pull import context
from channels.pull.context import context_of
from channels.sandbox.server import Running
from tests import factories
from tests.channels.test_etsy_goods import draft, group, price, quantities, single, stock
from tests.support.etsy import adapter_of, asked, connected, connected_store, send, shop


@pytest.fixture
def etsy() -> Iterator[Running]:
    with shop(per_second=10_000) as running:
        yield running


# ---------------------------------------------------------------- one writer for each listing


class Interrupted(StockAndPrices):
    """A worker in the middle of whose writing, after the document was read, something else happens."""

    meanwhile: Any = None

    def put_inventory(self, listing_id: str, body: dict[str, Any]) -> Any:
        happens, self.meanwhile = self.meanwhile, None
        if happens:
            happens()
        return super().put_inventory(listing_id, body)


def amounts(row: dict[str, Any]) -> list[int]:
    return [product["offerings"][0]["price"]["amount"] for product in row["inventory"]["products"]]


@pytest.mark.django_db
@pytest.mark.parametrize("is_kept", [True, False])
def test_a_price_that_is_written_between_our_reading_and_writing_is_not_undone(
    etsy: Running, monkeypatch: pytest.MonkeyPatch, is_kept: bool
) -> None:
    row = group(etsy)
    store = connected_store(etsy)
    monkeypatch.setattr(context, "LONGEST_WAIT_SECONDS", 0.0)
    if not is_kept:  # what would happen without the rule
        monkeypatch.setattr(StockAndPrices, "alone_with", lambda self, listing_id: nullcontext())
    adapter, other = EtsyAdapter(store, context=context_of(store)), adapter_of(store)
    one = Interrupted(adapter.facts)
    met: list[Any] = []
    one.meanwhile = lambda: met.extend(other.push_prices([price(row, "15.00", None, 1)]))

    assert one.push_stock([stock(row, 9)])[0].ok

    if not is_kept:
        assert (met[0].ok, amounts(row)) == (True, [1250, 1250, 1250])  # told, and undone
        return
    assert isinstance(met[0].error, TemporaryError)
    assert met[0].error.code == "busy"
    assert other.push_prices([price(row, "15.00", None, 1)])[0].ok  # as the outbox does a little later
    assert (quantities(row), amounts(row)) == ([9, 2, 5], [1250, 1500, 1250])
    assert not WakeUp.objects.filter(key__startswith="etsy:").exists()


@pytest.mark.django_db
def test_a_listing_that_is_being_written_keeps_no_other_waiting(
    etsy: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, free = single(etsy), single(etsy)
    store = connected_store(etsy)
    monkeypatch.setattr(context, "LONGEST_WAIT_SECONDS", 0.0)
    adapter = adapter_of(store)

    with context_of(store).exclusive(str(taken["listing_id"])):
        busy, done = adapter.push_stock([stock(taken, 1), replace(stock(free, 2), ref="x")])
        with pytest.raises(TemporaryError, match="Another worker"):
            adapter.set_listing_active(str(taken["listing_id"]), active=False)

    assert isinstance(busy.error, TemporaryError)
    assert (done.ok, quantities(taken), quantities(free), taken["state"]) == (True, [8], [2], "active")
    adapter.set_listing_active(str(taken["listing_id"]), active=False)
    assert taken["state"] == "inactive"


@pytest.mark.db
@pytest.mark.django_db(transaction=True)
def test_stock_and_prices_of_one_listing_from_two_workers_at_once(etsy: Running) -> None:
    row = group(etsy)
    store = connected_store(etsy)
    failures: list[Exception] = []
    rounds = 12

    def work(push: Any) -> None:
        try:
            for number in range(1, rounds + 1):
                assert push(adapter_of(Connection.objects.get(pk=store.pk)), number).ok
        except Exception as error:
            failures.append(error)
        finally:
            database.close()

    def push_stock(adapter: EtsyAdapter, number: int) -> Any:
        assert quantities(row)[0] in (4, number - 1)
        return adapter.push_stock([stock(row, number)])[0]

    def push_price(adapter: EtsyAdapter, number: int) -> Any:
        assert amounts(row)[1] in (1250, 2000 + number - 1)
        return adapter.push_prices([price(row, f"20.{number:02d}", None, 1)])[0]

    threads = [threading.Thread(target=work, args=(push,)) for push in (push_stock, push_price)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert failures == []
    assert (quantities(row), amounts(row)) == ([rounds, 2, 5], [1250, 2000 + rounds, 1250])


# ---------------------------------------------------------------- pictures


def pictured(etsy: Running, pictures: dict[tuple[str, str], str], **more: Any) -> ListingDraft:
    """A group of (size, colour) -> name of its picture, "" for none."""
    variants = tuple(
        VariantDraft(
            f"v{n}", f"P-{n}", Decimal("20.00"), None, 3,
            options={"Size": size, "Colour": colour}, image_url=f"{etsy.url}/pictures/{name}" if name else "",
        )
        for n, ((size, colour), name) in enumerate(pictures.items())
    )  # fmt: skip
    return ListingDraft(
        "l:1", ProductKind.GROUP, "New Thing", "x", "EUR", variants, category_external_ids=("11",), **more
    )


def shown(row: dict[str, Any]) -> dict[str, str]:
    """Value of the option -> the picture that Etsy shows for it."""
    names = {image["listing_image_id"]: image["url_fullxfull"].rpartition("/")[2] for image in row["images"]}
    return {one["value"]: names[one["image_id"]] for one in row.get("variation_images", [])}


@pytest.mark.req("R-CAT-08")
def test_pictures_of_variations_are_shown_by_the_option_that_they_belong_to(etsy: Running) -> None:
    wanted = pictured(
        etsy,
        {("S", "Red"): "red.gif", ("M", "Red"): "red.gif", ("S", "Blue"): "blue.gif", ("M", "Green"): ""},
        image_urls=(f"{etsy.url}/pictures/all.gif",),
    )

    made = connected(etsy).create_listing(wanted)

    row = etsy.sandbox.shop.listings[made.external_id]
    ranks = {image["url_fullxfull"].rpartition("/")[2]: image["rank"] for image in row["images"]}
    assert ranks == {"all.gif": 1, "red.gif": 2, "blue.gif": 3}
    assert shown(row) == {"Red": "red.gif", "Blue": "blue.gif"}
    [body] = [json.loads(r.body) for r, _ in etsy.sandbox.exchanges if r.path.endswith("/variation-images")]
    values = {
        value["values"][0]: value["value_ids"][0]
        for product in row["inventory"]["products"]
        for value in product["property_values"]
    }
    assert [one["value_id"] for one in body["variation_images"]] == [values["Red"], values["Blue"]]
    assert {one["property_id"] for one in body["variation_images"]} == {514}  # colour: one property only


def test_with_a_picture_for_each_sku_the_first_option_shows_the_first_of_each_value(etsy: Running) -> None:
    wanted = pictured(
        etsy, {(size, colour): f"{size}-{colour}.gif" for size in "SM" for colour in ("Red", "Blue")}
    )

    row = etsy.sandbox.shop.listings[connected(etsy).create_listing(wanted).external_id]

    assert shown(row) == {"S": "S-Red.gif", "M": "M-Red.gif"}
    assert len(row["images"]) == 4  # all of them are among the listing's


def test_without_pictures_of_variations_nothing_is_said_of_them(etsy: Running) -> None:
    connected(etsy).create_listing(pictured(etsy, {("S", "Red"): "", ("M", "Red"): ""}))

    assert asked(etsy, "POST", "/variation-images") == asked(etsy, "POST", "/images") == []


@pytest.mark.req("R-CAT-09")
def test_pictures_that_were_changed_go_out_with_those_of_the_variations(etsy: Running) -> None:
    first = pictured(etsy, {("S", "Red"): "red.gif", ("S", "Blue"): "blue.gif"})
    adapter = connected(etsy)
    made = adapter.create_listing(first)
    changed = replace(
        pictured(etsy, {("S", "Red"): "new-red.gif", ("S", "Blue"): "blue.gif"}),
        external_id=made.external_id,
        changed=frozenset({"image_urls"}),
    )
    before = len(asked(etsy, "PUT", "/inventory"))

    adapter.update_listing(changed)

    row = etsy.sandbox.shop.listings[made.external_id]
    assert shown(row) == {"Red": "new-red.gif", "Blue": "blue.gif"}
    assert len(row["images"]) == 2  # over those that stood there
    assert len(asked(etsy, "PUT", "/inventory")) == before


def test_a_draft_that_broke_off_at_its_pictures_is_finished_with_them(etsy: Running) -> None:
    wanted = pictured(etsy, {("S", "Red"): "red.gif", ("S", "Blue"): "blue.gif"})
    etsy.sandbox.inject("server_error", match="/variation-images", method="POST")
    with pytest.raises(TemporaryError, match="Etsy made the draft"):
        connected(etsy).create_listing(wanted)

    found = connected(etsy).find_listing(wanted)

    assert found is not None
    [row] = etsy.sandbox.shop.listings.values()
    assert shown(row) == {"Red": "red.gif", "Blue": "blue.gif"}
    assert len(row["images"]) == 2


@pytest.mark.parametrize("path", ["v3/application/openapi-ping", "nothing-here", ""])
def test_where_no_picture_lies_the_address_is_named_and_the_sign_in_is_left_alone(
    etsy: Running, path: str
) -> None:
    """The first one answers 403, which from Etsy itself would stop the store."""
    wanted = replace(draft(), image_urls=(f"{etsy.url}/pictures/a.gif", f"{etsy.url}/{path}"))

    with pytest.raises(Rejected, match=f"There is no picture at this address: {etsy.url}/{path}"):
        connected(etsy).create_listing(wanted)

    assert etsy.sandbox.shop.listings == {}  # refused before anything is made


def test_pictures_that_were_taken_away_here_go_there_too(etsy: Running) -> None:
    row = single(etsy)
    for rank in (1, 2, 3):
        etsy.sandbox.shop.add_image(row, f"old-{rank}.jpg", rank)
    changed = replace(draft(), external_id=str(row["listing_id"]), changed=frozenset({"image_urls"}))
    adapter = connected(etsy)

    adapter.update_listing(replace(changed, image_urls=(f"{etsy.url}/pictures/new.gif",)))
    assert [image["url_fullxfull"].rpartition("/")[2] for image in row["images"]] == ["new.gif"]
    adapter.update_listing(changed)  # without a picture here it keeps its own

    assert len(row["images"]) == 1


def test_one_picture_that_is_missing_leaves_those_that_are_there(etsy: Running) -> None:
    row = single(etsy)
    etsy.sandbox.shop.add_image(row, "old.jpg", 1)
    changed = replace(
        draft(), external_id=str(row["listing_id"]), changed=frozenset({"image_urls"}),
        image_urls=(f"{etsy.url}/pictures/new.gif", f"{etsy.url}/nothing-here"),
    )  # fmt: skip

    with pytest.raises(Rejected, match="There is no picture"):
        connected(etsy).update_listing(changed)

    assert [image["url_fullxfull"].rpartition("/")[2] for image in row["images"]] == ["old.jpg"]


@pytest.mark.parametrize(
    ("own", "of_variants", "kept"), [(3, 2, (3, 2)), (20, 0, (20, 0)), (25, 4, (16, 4)), (4, 30, (4, 16))]
)
def test_twenty_pictures_are_the_most(own: int, of_variants: int, kept: tuple[int, int]) -> None:
    base = draft()
    wanted = replace(
        base,
        image_urls=tuple(f"o{n}" for n in range(own)),
        variants=tuple(replace(base.variants[0], image_url=f"v{n}") for n in range(of_variants))
        or base.variants,
    )

    urls = listing_bodies.pictures(wanted)

    assert (sum(u[0] == "o" for u in urls), sum(u[0] == "v" for u in urls)) == kept
    assert len(urls) <= 20


# ---------------------------------------------------------------- texts


@pytest.mark.req("R-CAT-09")
@pytest.mark.parametrize("field", ["description", "warranty"])
def test_the_warranty_stands_at_the_end_of_the_description(etsy: Running, field: str) -> None:
    row = single(etsy)
    changed = replace(
        draft(), external_id=str(row["listing_id"]), changed=frozenset({field}), warranty="Two years."
    )

    connected(etsy).update_listing(changed)

    assert row["description"] == "One\nTwo & three\n\nWarranty: Two years."
    assert row["title"] == "Pot"


@pytest.mark.req("R-CAT-09")
@pytest.mark.django_db
def test_a_warranty_that_is_edited_here_goes_to_etsy_with_the_description(etsy: Running) -> None:
    row = single(etsy)
    store = connected_store(etsy, maps={"leeds": 1})
    pot = factories.variant("POT", currency="EUR")
    factories.listed(pot, store, external_id=str(row["listing_id"]))

    edit_product(pot.product, {"description": "A pot.", "warranty": "Five years."})
    send(store)
    assert row["description"] == "A pot.\n\nWarranty: Five years."
    edit_product(pot.product, {"warranty": "Ten years."})
    send(store)

    assert row["description"] == "A pot.\n\nWarranty: Ten years."


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("<p>One</p>\n<ul><li>two</li></ul>", "One\n\ntwo"),
        ("For parts < 5 mm and > 2 mm", "For parts < 5 mm and > 2 mm"),
        ("I <3 mugs <!-- draft --><br>and tea", "I <3 mugs\nand tea"),
    ],
)
def test_a_description_loses_its_markup_and_nothing_else(given: str, shown: str) -> None:
    assert listing_bodies.plain(given) == shown
