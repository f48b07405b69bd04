"""The traps of Etsy's sheet (§10 and around it), each with the test that shows it; those without a place of their own are here."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from channels.connectors.etsy import listing_bodies
from channels.contract.errors import RateLimited, Rejected
from channels.contract.records.pages import PullQuery
from channels.contract.records.products import ProductKind
from channels.contract.records.updates import ListingDraft
from channels.models import CallLog
from channels.sandbox.server import Running
from tests.channels.test_etsy_goods import draft, group, price, sent, single, stock
from tests.channels.test_etsy_parcels import ready
from tests.support.etsy import connected, connected_store, placed, shop

#: trap of the sheet -> where it is shown
TRAPS = {
    "1 x-api-key without the secret": "sign_in.test_a_wrong_application_is_said_to_be_that_and_not_the_sellers_fault",
    "2 refresh token lost in a race": "sign_in.test_many_workers_with_one_dead_token_renew_it_once",
    "2 or between answer and store": "grant.test_a_fault_after_the_renewal_loses_nothing",
    "3 PUT of the changed variant only": "goods.test_one_figure_changes_and_everything_else_is_sent_back",
    "4 Money sent back as price": "goods.test_one_figure_changes_and_everything_else_is_sent_back",
    "5 all stock 0": "stock.test_zero_is_off_sale_by_us_and_stock_brings_it_back",
    "6 missing readiness_state_id": "traps.test_all_four_fields_of_an_offering_are_always_sent",
    "7 price or quantity to updateListing": "traps.test_a_listing_form_never_holds_price_stock_or_sku",
    "8 JSON under a form's content type": "traps.test_four_calls_are_json_and_all_others_forms",
    "9 second createReceiptShipment": "parcels.test_an_answer_that_never_came_is_looked_up_and_the_buyer_gets_one_mail",
    "10 status compared case-sensitively": "mapping.test_what_a_receipt_says",
    "11 state takes one value": "reading.test_all_five_states_are_asked_for_one_by_one_with_pictures",
    "12 one bad id fails a batch": "reading.test_one_bad_id_does_not_cost_the_others",
    "13 activating sold_out bills": "stock.test_what_costs_a_fee_is_never_done_unasked",
    "14 null addresses": "dispatch.test_an_address_that_etsy_keeps_is_a_problem_and_the_order_is_seen",
    "14 403 on tracking": "dispatch.test_a_refused_number_is_entered_at_etsy_by_hand_and_ticked_off",
    "15 offset over 12,000, receipts": "orders.test_no_page_lies_deep_and_none_is_lost_while_the_shop_is_busy",
    "15 offset over 12,000, listings": "reading.test_what_lies_deeper_than_both_ends_is_counted_and_said",
    "16 tracking code must be a string": "parcels.test_ready_to_ship_completes_the_order_with_carrier_and_number",
    "17 three variations need the flag": "goods.test_three_options_are_said_in_the_query",
    "§1 refresh dies after 90 days": "grant.test_a_paused_stores_sign_in_is_watched",
    "§1 a 500 of the token endpoint": "sign_in.test_a_fault_of_the_token_endpoint_does_not_ask_to_reconnect",
    "§1 state and verifier work once": "sign_in.test_a_sign_in_works_once",
    "§2 booleans and arrays": "sign_in.test_values_as_etsys_forms_want_them",
    "§2 filters before 2000": "orders.test_no_filter_lies_before_the_year_2000",
    "§2 the divisor is not always 100": "mapping.test_the_divisor_is_not_always_a_hundred",
    "§2 limits of the key": "quota.test_never_one_request_more_than_the_day_holds",
    "§5 unknown states": "reading.test_a_listing_in_a_state_that_no_document_names_is_off_sale_and_no_error",
    "§5 crash while publishing": "listings.test_a_draft_that_broke_off_at_its_pictures_is_finished_with_them",
    "§5 lowest rank is the first picture": "mapping.test_one_listing_with_variations_is_one_group_product",
    "§5 value ids from the inventory": "listings.test_pictures_of_variations_are_shown_by_the_option_that_they_belong_to",
    "§6 Etsy lowers stock itself": "ahead.test_a_unit_sold_since_our_last_look_is_not_offered_again",
    "§6 no version, no ETag": "listings.test_a_price_that_is_written_between_our_reading_and_writing_is_not_undone",
    "§6 999": "stock.test_999_is_the_most_that_etsy_shows_and_the_page_says_so",
    "§7 was_canceled left out": "orders.test_new_orders_are_the_whole_queue_whatever_the_window",
    "§7 paid late": "orders.test_new_orders_are_the_whole_queue_whatever_the_window",
    "§7 delivered is only a filter": "orders.test_by_number_with_what_only_the_filter_knows",
    "§7 refunds move no time": "dispatch.test_money_refunded_in_part_is_shown_and_asks_a_person",
    "§7 null ids on lines": "mapping.test_ids_that_etsy_leaves_out_do_not_lose_the_line",
    "§7 cancellations are read only": "cancel.test_a_sellers_own_cancellation_waits_until_etsy_shows_it",
    "§8 resource_url is never called": "orders.test_a_signed_call_wakes_the_order_that_it_names",
    "§8 replays": "sign_in.test_a_webhook_is_kept_once_and_forged_ones_are_not",
}


@pytest.mark.parametrize("trap", TRAPS)
def test_each_trap_has_its_test(trap: str) -> None:
    module, _dot, name = TRAPS[trap].partition(".")
    path = "tests.channels.test_ahead" if module == "ahead" else f"tests.channels.test_etsy_{module}"

    assert callable(getattr(importlib.import_module(path), name))


@pytest.fixture
def etsy() -> Iterator[Running]:
    with shop(per_second=10_000) as running:
        yield running


# ---------------------------------------------------------------- what is sent


def test_all_four_fields_of_an_offering_are_always_sent(etsy: Running) -> None:
    row = group(etsy)
    row["inventory"]["products"][1]["offerings"][0]["readiness_state_id"] = None  # a download has none
    adapter = connected(etsy)

    adapter.push_stock([stock(row, 9)])
    adapter.push_prices([price(row, "15.00")])

    offerings = [o for body in sent(etsy) for product in body["products"] for o in product["offerings"]]
    assert len(offerings) == 6
    assert all(set(o) == {"price", "quantity", "is_enabled", "readiness_state_id"} for o in offerings)
    assert [o["readiness_state_id"] for o in offerings] == [701, None, 701] * 2


def test_a_listing_form_never_holds_price_stock_or_sku(etsy: Running) -> None:
    row = single(etsy)
    whole = replace(draft(), external_id=str(row["listing_id"]), currency="EUR")

    connected(etsy).update_listing(whole)

    forms = [r.body.decode() for r, _answer in etsy.sandbox.exchanges if r.method == "PATCH"]
    names = {pair.partition("=")[0] for form in forms for pair in form.split("&")}
    assert names == {"title", "description", "taxonomy_id"}


def test_four_calls_are_json_and_all_others_forms(etsy: Running) -> None:
    adapter = connected(etsy)
    pictures = replace(
        draft(group=True), image_urls=(f"{etsy.url}/pictures/a.gif",),
        variants=tuple(replace(v, image_url=f"{etsy.url}/pictures/{v.ref}.gif") for v in draft(group=True).variants),
    )  # fmt: skip
    adapter.verify()
    adapter.create_listing(pictures)
    adapter.push_fulfilment(ready(placed(etsy)))
    adapter.set_listing_active(next(iter(etsy.sandbox.shop.listings)), active=False)

    kinds: dict[str, set[str]] = {}
    for request, answer in etsy.sandbox.exchanges:
        if request.method != "GET":
            assert answer.status < 300
            last = request.path.rpartition("/")[2]
            kind = request.headers["content-type"].partition(";")[0].rpartition("/")[2]
            kinds.setdefault(kind, set()).add("listing" if last.isdigit() else last)

    assert kinds == {
        "json": {"inventory", "tracking", "variation-images"},  # the fourth, personalisation, is not used
        "x-www-form-urlencoded": {"scopes", "listings", "listing"},
        "form-data": {"images"},
    }


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"tags": "hand-made,it's,Café ™"}, ""),
        ({"tags": "50% off"}, "unlike “50% off”"),
        ({"tags": "under_score"}, "unlike “under_score”"),
        ({"materials": "oak, steel 18 10"}, ""),
        ({"materials": "steel 18/10"}, "unlike “steel 18/10”"),
    ],
)
def test_signs_that_etsy_would_refuse_are_named(attributes: dict[str, str], words: str) -> None:
    changed = replace(draft(), attributes=attributes, changed=frozenset({"attributes"}))
    if not words:
        assert listing_bodies.changed_listing(changed)
        return
    with pytest.raises(Rejected) as caught:
        listing_bodies.changed_listing(changed)
    assert words in str(caught.value)


def test_an_option_has_at_most_seventy_values() -> None:
    base = draft(group=True)
    many = tuple(replace(base.variants[0], ref=f"v{n}", options={"Size": str(n)}) for n in range(71))
    whole: ListingDraft = replace(base, kind=ProductKind.GROUP, variants=many)

    with pytest.raises(Rejected, match="at most 70 values of one option"):
        listing_bodies.inventory(whole, 701)
    assert len(listing_bodies.inventory(replace(whole, variants=many[:70]), 701)["products"]) == 70


# ---------------------------------------------------------------- what comes back


def test_every_refusal_carries_etsys_number_of_the_request(etsy: Running) -> None:
    with pytest.raises(Rejected) as caught:
        connected(etsy).client.get("/listings/1/inventory")

    uuid = etsy.sandbox.exchanges[-1][1].headers["X-Etsy-Request-Uuid"]
    assert uuid in caught.value.detail


@pytest.mark.django_db
def test_too_many_in_a_second_waits_as_long_as_etsy_says(
    etsy: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = connected_store(etsy)
    adapter = type(connected(etsy))(store)
    adapter.client.get("/users/me")
    etsy.sandbox.configure(per_second=1)
    etsy.sandbox.spent.extend([etsy.sandbox.clock()] * 5)

    with pytest.raises(RateLimited) as caught:
        adapter.client.get("/users/me")

    assert caught.value.retry_after == 1.0
    assert CallLog.objects.filter(connection=store, status=429).count() == 1


@pytest.mark.req("R-CONN-06")
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"is_vacation": True}, "on vacation"),
        ({"country": "US"}, "shops in US"),
        ({"country": "TR"}, "shops in TR"),
        ({"country": "GB"}, ""),
    ],
)
def test_what_a_seller_should_know_of_the_shop_is_a_warning_and_no_refusal(
    etsy: Running, settings: dict[str, Any], words: str
) -> None:
    etsy.sandbox.configure(**settings)

    account = connected(etsy).verify()

    assert account.identity == str(etsy.sandbox.shop.settings["shop_id"])  # never the user's number
    assert account.identity != str(etsy.sandbox.shop.settings["user_id"])
    assert bool(account.warnings) == bool(words)
    assert all(words in warning for warning in account.warnings)


def test_a_download_alone_needs_no_parcel_and_no_address(etsy: Running) -> None:
    etsy.sandbox.configure(is_restricted=True)
    order_id = placed(etsy, is_digital=True)

    [record] = connected(etsy).pull_orders(PullQuery(ids=(str(order_id),))).records

    assert ([line.needs_stock for line in record.lines], record.is_address_withheld) == ([False], False)
