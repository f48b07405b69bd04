"""The order list: tabs, filters, search, pages, moves on many orders."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import strip_tags

from oms.kit.authors.actors import SYSTEM
from oms.kit.background import jobs
from orders.admin.order_list.tabs import tab_counts
from orders.models import Order
from orders.services import decisions
from tests import factories
from tests.admin import desk_data

LIST = "/admin/orders/order/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def store():
    return desk_data.shop()


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def as_role(client: Client, role: str) -> Client:
    person = factories.user(role.lower().replace(" ", "-"))
    person.groups.add(Group.objects.get(name=role))
    client.force_login(person)
    return client


def numbers(response) -> list[str]:
    return [order.number for order in response.context["cl"].result_list]


def act(client: Client, action: str, *orders: Order, query: str = "", follow: bool = False, **more: object):
    """Press a button over the chosen orders of the list."""
    chosen = [order.pk for order in orders]
    return client.post(
        LIST + query, {"action": action, "index": 0, "_selected_action": chosen, **more}, follow=follow
    )


def said(response) -> list[str]:
    """The messages, as a person reads them."""
    return [strip_tags(str(message)) for message in response.context["messages"]]


def test_tabs_count_open_states_exactly(store):
    desk_data.order(store)
    desk_data.order(store, desk_data.line("TEE-M", 9))
    desk_data.order(store, desk_data.line("NOBODY-KNOWS"))
    gone = desk_data.order(store)
    decisions.cancel([gone.pk], reason="twice", by=SYSTEM)

    counts = tab_counts()

    assert {key: count for key, count in counts.items() if count} == {
        "all": 4,
        "new": 2,
        "partial": 1,
        "cancelled": 1,
        "problem": 1,
    }


def test_open_tab_shows_what_must_ship_first(owner, store):
    later = desk_data.order(store, ship_in=timedelta(hours=30))
    sooner = desk_data.order(store, ship_in=timedelta(minutes=38))
    whenever = desk_data.order(store, ship_in=timedelta(hours=2))
    Order.objects.filter(pk=whenever.pk).update(ship_by_at=None)

    assert numbers(owner.get(LIST, {"tab": "new"})) == [sooner.number, later.number, whenever.number]


@pytest.mark.parametrize("tab", ["all", "new"])
def test_keyset_pages_go_forth_and_back_without_loss(owner, store, tab, monkeypatch):
    monkeypatch.setattr("oms.kit.admin.changelist.SIZES", (2, 100))
    made = [desk_data.order(store, ship_in=timedelta(hours=hours)) for hours in (1, 2, 3, 4)]
    made.append(desk_data.order(store, ship_in=timedelta(hours=5)))
    Order.objects.filter(pk=made[-1].pk).update(ship_by_at=None)
    Order.objects.filter(pk__in=[made[0].pk, made[1].pk]).update(placed_at=timezone.now())

    first = owner.get(LIST, {"tab": tab, "rows": 2})
    seen, response, pages = numbers(first), first, [numbers(first)]
    while response.context["cl"].next_link:
        response = owner.get(LIST + response.context["cl"].next_link)
        pages.append(numbers(response))
        seen += pages[-1]
    back = []
    while response.context["cl"].previous_link:
        response = owner.get(LIST + response.context["cl"].previous_link)
        back.append(numbers(response))

    assert [len(page) for page in pages] == [2, 2, 1]
    assert sorted(seen) == sorted(order.number for order in made)
    assert back == [pages[1], pages[0]]


def test_first_page_of_50_takes_eight_queries(owner, store):
    for number in range(50):
        desk_data.order(store, desk_data.line("MUG-BLUE"), desk_data.line("NOT-YET-KNOWN"), buyer=number)
    desk_data.ready(store, desk_data.line("MUG-RED"))
    owner.get(LIST)  # what Django looks up once in its life

    with CaptureQueriesContext(
        connection,
    ) as taken:
        response = owner.get(LIST)

    assert len(response.context["cl"].result_list) == 50
    menu = [
        q for q in taken.captured_queries if "outboxmessage" in q["sql"] or 'FROM "kit_problem"' in q["sql"]
    ]
    assert len(taken) - len(menu) <= 8, [q["sql"][:120] for q in taken.captured_queries]


def test_search_finds_number_email_and_tracking(owner, store):
    one = desk_data.ready(store, tracking="ZX987654321GB")
    desk_data.order(store)

    for text in (one.number, f"#{one.number}", one.customer_email.upper(), "ZX987654321GB", "ZX9876"):
        assert numbers(owner.get(LIST, {"q": text})) == [one.number], text
    assert numbers(owner.get(LIST, {"q": "nothing-like-it"})) == []


def test_filters_narrow(owner, store):
    mug = desk_data.order(store, desk_data.line("MUG-BLUE"), buyer=1)
    tee = desk_data.ready(store, desk_data.line("TEE-M"))
    leeds = factories.warehouse("leeds")

    def shown(**filters: object) -> list[str]:
        return sorted(numbers(owner.get(LIST, filters)))

    both = sorted([mug.number, tee.number])
    assert shown(store=store.pk) == both
    assert shown(store=store.pk + 1) == []
    assert shown(country="FR") == [mug.number]
    assert shown(sku="tee-m") == [tee.number]
    assert shown(warehouse=leeds.pk) == [tee.number]
    assert shown(carrier=desk_data.carrier().pk) == [tee.number]
    assert shown(since=timezone.localdate().isoformat()) == both
    assert shown(until=(timezone.localdate() - timedelta(days=2)).isoformat()) == []
    assert shown(since="not a day", carrier="x") == both
    Order.objects.filter(pk=mug.pk).update(ship_by_at=timezone.now() - timedelta(hours=1))
    assert shown(due="late") == [mug.number]


@pytest.mark.req("R-ORD-09")
def test_chosen_orders_are_moved_and_each_refusal_is_shown(owner, store):
    good = desk_data.order(store)
    waiting = desk_data.order(store, desk_data.line("TEE-M", 9))

    response = act(owner, "release", good, waiting, follow=True)

    good.refresh_from_db()
    waiting.refresh_from_db()
    assert (good.status, waiting.status) == ("rfp", "partial")
    messages = said(response)
    assert messages[0].startswith("Release: 1 order moved.")
    assert messages[1].startswith(f"#{waiting.number}: ")


def test_cancel_asks_for_a_reason_before_anything_changes(owner, store):
    order = desk_data.order(store)

    asked = act(owner, "cancel", order)
    order.refresh_from_db()
    assert (asked.status_code, order.status) == (200, "new")
    assert b"Cancel these orders?" in asked.content

    empty = act(owner, "cancel", order, confirmed="1", reason=" ")
    order.refresh_from_db()
    assert (empty.status_code, order.status) == (200, "new")

    act(owner, "cancel", order, confirmed="1", reason="out of clay")
    order.refresh_from_db()
    assert order.cancel_reason == "out of clay"
    assert order.status in {"cancelled_by_seller", "seller_cancel_in_process"}


def test_more_than_fifty_become_a_job_with_one_outcome_each(owner, store, monkeypatch):
    monkeypatch.setattr("orders.services.moves.BATCH_SIZE", 2)
    monkeypatch.setattr("oms.kit.admin.actions.AT_ONCE", 2)
    orders = [desk_data.order(store) for _ in range(4)]
    waiting = desk_data.order(store, desk_data.line("TEE-M", 9))

    response = act(owner, "release", orders[0], select_across="1")
    assert response.status_code == 302
    job_id = int(response.url.rstrip("/").split("/")[-1])
    assert set(Order.objects.values_list("status", flat=True)) == {"new", "partial"}

    while jobs.work(job_id):
        pass

    page = owner.get(response.url)
    assert len(page.context["moved"]) == 4
    assert [row[0] for row in page.context["refused"]] == [waiting.pk]
    assert set(Order.objects.filter(pk__in=[o.pk for o in orders]).values_list("status", flat=True)) == {
        "rfp"
    }


def test_roles_see_and_do_what_they_may(client, store):
    order = desk_data.order(store)

    desk = as_role(client, "Order desk")
    assert act(desk, "pack", order).status_code == 403
    reader = as_role(client, "Read-only")
    assert reader.get(LIST).status_code == 200
    assert b"bulk-bar" not in reader.get(LIST).content
    assert act(reader, "release", order).status_code == 403
    stranger = client
    stranger.force_login(factories.user("nobody"))
    assert stranger.get(LIST).status_code == 403
    order.refresh_from_db()
    assert order.status == "new"
