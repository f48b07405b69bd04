"""No request, however odd, is answered with an error of the server (F-37)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from oms.kit.numbers import LARGEST, is_whole_number, whole_number
from tests import factories
from tests.security.addresses import every_address, read_names
from tests.security.rows import every_row
from tests.test_architecture import ROOT, modules, short

pytestmark = pytest.mark.fault("F-37")

LONG = "9" * 30
ODD = ("²", LONG, "9" * 5000, "\x00", "-1", "１２", "1e999", "NaN", "'\"<", "2026-99-99", "0", "\ud83d")

#: What an address holds in place of `<key:pk>`, `<slug:name>`, `<path:object_id>`.
ODD_KEYS = (LONG, "9" * 19)
PLACE = re.compile(r"<(?:(\w+):)?(\w+)>")


def filled(route: str, value: str) -> str:
    """The address with `value` in every place."""
    plain = re.sub(r"\(\?P<\w+>[^)]*\)|[\^$]|\\Z", "", route)
    return "/" + PLACE.sub(value, plain)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("0012", 12),
        (str(LARGEST), LARGEST),
        (str(LARGEST + 1), None),
        *[
            (text, None)
            for text in ("", " 1", "-1", "+1", "1_000", "1.0", "²", "１２", "٣", LONG, "9" * 5000, "x")
        ],
        (None, None),
        (7, None),
    ],
)
def test_a_whole_number_is_ascii_digits_that_a_column_stores(text: Any, number: int | None) -> None:
    assert whole_number(text) == number
    assert is_whole_number(text) is (number is not None)


def test_the_largest_number_can_be_lower() -> None:
    assert whole_number("100", most=100) == 100
    assert whole_number("101", most=100) is None


def test_there_is_one_parser_of_numbers() -> None:
    """`isdigit` accepts “²”, on which `int` fails: only `oms.kit.numbers` uses it, and the stand-ins of channels."""
    asks = re.compile(r"\.is(?:digit|decimal|numeric)\(")
    guilty = [
        short(path)
        for path in modules()
        if asks.search(path.read_text(encoding="utf-8"))
        and "sandbox" not in path.parts
        and path != ROOT / "oms" / "kit" / "numbers.py"
    ]
    assert guilty == []


def test_every_key_in_an_address_is_checked() -> None:
    """Django's `int` takes numbers of any length."""
    assert [route for route, _name in every_address() if "<int:" in route] == []


@pytest.fixture
def owner(db, django_user_model) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(django_user_model.objects.create_superuser("boss"))
    return client


def faults(client: Client, addresses: list[str], /, **data: Any) -> Iterator[tuple[str, str]]:
    for url in addresses:
        for method in (client.get, client.post):
            try:
                answer = method(url, data)
            except UnicodeEncodeError:
                continue  # the test client itself cannot write a lone surrogate into an address
            if answer.status_code >= 500:
                yield method.__name__, url[:80]


def test_odd_keys_in_addresses(owner: Client) -> None:
    routes = [route for route, _name in every_address() if "<" in route]
    assert len(routes) > 60

    found = {
        each for key in ODD_KEYS for each in faults(owner, sorted({filled(route, key) for route in routes}))
    }

    assert found == set()


@pytest.mark.slow
@pytest.mark.parametrize("value", ODD, ids=lambda value: ascii(value[:12]))
def test_odd_values_of_every_name(owner: Client, value: str) -> None:
    """All names that any page reads at once, on every page of rows that exist."""
    names, rows = sorted(read_names()), every_row()
    assert len(names) > 80
    addresses = list(rows.addresses())

    assert set(faults(owner, addresses, **dict.fromkeys(names, value))) == set()


@pytest.mark.slow
def test_one_odd_place_in_every_list(owner: Client) -> None:
    """A value alone: among others an earlier one may be refused before it is read."""
    lists = [url for url in every_row().addresses() if "changelist" in url or url.count("/") == 4]

    found = {
        (name, url)
        for url in lists
        for name in ("before", "after", "rows", "store", "o", "tab", "view", "since", "until")
        for value in ("²", LONG, "9" * 5000)
        if owner.get(url, {name: value}).status_code >= 500
    }

    assert found == set()


@pytest.mark.parametrize("stamp", ["²", "9" * 5000, LONG, "-1", "nan", "inf", ""])
def test_an_odd_time_stamp_of_a_webhook_is_refused(db, client: Client, settings, stamp: str) -> None:
    """Nobody needs to be signed in for these addresses."""
    settings.OMS_APPS = {
        **settings.OMS_APPS,
        "etsy": {**settings.OMS_APPS["etsy"], "webhook_secret": "whsec_AAAA"},
    }
    etsy = factories.store("Etsy shop", channel="etsy", fingerprint="1")
    shop = factories.store("Shop")
    headers = {
        "webhook-id": "1",
        "webhook-timestamp": stamp,
        "webhook-signature": "v1,x",
        "x-oms-signature": stamp,
    }
    body = b'{"shop_id": 1}'

    statuses = {
        url: client.post(url, body, content_type="application/json", headers=headers).status_code
        for url in ["/apps/etsy/webhook/", f"/hooks/opencart/{shop.pk}/", f"/hooks/etsy/{etsy.pk}/"]
    }

    assert set(statuses.values()) == {401}


def test_no_page_of_staff_answers_that_the_method_is_wrong(owner: Client) -> None:
    """Who signs in again after sending a form comes back with GET: to the page of the form, not to an error."""
    answers = {
        name: owner.get(url).status_code
        for name, url in every_row().named().items()
        if url.startswith("/admin/")
    }

    assert {name for name, status in answers.items() if status == 405} == set()
    assert {name for name, status in answers.items() if status >= 500} == set()


def test_a_form_address_leads_to_the_page_above_it(owner: Client) -> None:
    rows = every_row()
    store = f"/admin/integrations/ecommerce-sales-channels/{rows.ids['channels.connection']}/"
    order = f"/admin/orders/order/{rows.ids['orders.order']}/"

    assert owner.get(f"{store}pause/")["Location"] == store
    assert owner.get(f"{store}streams/{rows.others['stream']}/")["Location"] == store
    assert owner.get(f"{order}do/note/")["Location"] == order
    assert owner.get("/admin/inventory/stockitem/1/set/")["Location"] == "/admin/inventory/stockitem/1/"
    assert owner.get("/admin/logout/")["Location"] == "/admin/"
