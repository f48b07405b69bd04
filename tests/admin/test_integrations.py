# long because: one rule a test for each page of a store.
"""One store's pages: streams, syncs, messages, warehouses, status map, settings, jobs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from channels.admin.progress import missing_of, refused_of
from channels.admin.store.sync_forms import several
from channels.models import Connection, OutboxMessage, RejectedRecord, StatusMapEntry, SyncRun, SyncStream
from channels.pull.page_writer import packed
from channels.stores import first_sync
from inventory.models import StockDifference, StockPolicy, WarehouseMapping
from oms.kit.background import jobs
from oms.kit.models import Job
from orders.models import Carrier, CarrierMap, OrderSettings
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def store() -> Connection:
    made = factories.store("UK shop", maps={"leeds": 1})
    for name, period in (("orders.new", 300), ("orders.history", None), ("products", None)):
        SyncStream.objects.create(
            connection=made, name=name, period=period, due_at=timezone.now() + timedelta(hours=1)
        )
    for key, name, state in (("1", "Pending", "new"), ("17", "Waiting for pick-up", "unknown")):
        StatusMapEntry.objects.create(connection=made, external_id=key, name=name, remote_state=state)
    return made


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def url(name: str, *args: object) -> str:
    return reverse(f"admin:{name}", args=args)


@pytest.mark.req("R-ORD-04", "R-INV-02")
@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("store_sync_orders", "Sync Orders"),
        ("store_sync_products", "Sync Products"),
        ("store_sync_stock", "Sync Stock"),
        ("store_sync_prices", "Sync Prices"),
    ],
)
def test_the_four_syncs_stand_where_the_guides_say(owner, store, name, title):
    answer = owner.get(url(name, store.pk))

    trail = [str(text) for text, _url in answer.context["crumbs"]]
    assert trail == ["Integrations", "Ecommerce Sales Channels", "UK shop", title]
    assert title in owner.get(url("store", store.pk)).content.decode()


@pytest.mark.req("R-ORD-04")
def test_sync_orders_of_a_period_and_status_is_a_job(owner, store):
    answer = owner.post(
        url("store_sync_orders", store.pk),
        {"since": "2026-11-01", "until": "2026-11-02", "statuses": ["1"], "dry_run": "on"},
    )

    job = Job.objects.get()
    assert answer.url == url("job", job.pk)
    assert job.params == {
        "stream": "orders.history",
        "start": "2026-11-01T00:00:00+00:00",
        "end": "2026-11-03T00:00:00+00:00",
        "created": True,
        "statuses": ["1"],
        "ids": [],
        "dry_run": True,
    }
    assert str(job.author) == "owner"


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"since": "2026-11-05", "until": "2026-11-01"}, "until"),
        ({"since": "2126-01-01"}, "since"),
        ({"statuses": ["999"]}, "statuses"),
        ({"since": "yesterday"}, "since"),
    ],
)
def test_a_sync_that_makes_no_sense_starts_nothing(owner, store, data, field):
    answer = owner.post(url("store_sync_orders", store.pk), data)

    assert list(answer.context["form"].errors) == [field]
    assert Job.objects.count() == 0


def test_a_paused_store_is_not_asked(owner, store):
    Connection.objects.update(state="paused")

    answer = owner.post(url("store_sync_orders", store.pk), {"numbers": "7"})

    assert answer.context["form"].non_field_errors() == ["UK shop is paused: nothing is imported from it."]
    assert Job.objects.count() == 0


def test_pasted_numbers():
    assert several(" #12, 13;14\n\n15\t ") == ["12", "13", "14", "15"]


@pytest.mark.req("R-INV-02")
def test_sync_stock_of_one_sku_and_as_a_dry_run(owner, store):
    factories.stocked("MUG", connection=store, leeds=4)
    factories.stocked("TEE", connection=store, leeds=2)
    OutboxMessage.objects.update(sent=1, wanted=1)

    dry = owner.post(url("store_sync_stock", store.pk), {"skus": "mug", "dry_run": "on"})
    assert len(dry.context["lines"]) == 1
    assert dry.context["total"] == 1
    assert not OutboxMessage.objects.waiting().exists()

    wrong = owner.post(url("store_sync_stock", store.pk), {"skus": "nobody"})
    assert wrong.context["form"].errors["skus"] == ["UK shop has no SKU “nobody” whose stock can be sent."]
    assert not OutboxMessage.objects.waiting().exists()

    owner.post(url("store_sync_stock", store.pk), {"skus": "mug"})
    assert OutboxMessage.objects.waiting().count() == 1


@pytest.mark.req("R-USE-04")
def test_a_stream_is_adjusted_switched_off_and_run_now(owner, store):
    stream = store.streams.get(name="orders.new")
    control = url("store_stream", store.pk, stream.pk)

    owner.post(control, {"every": "900"})
    stream.refresh_from_db()
    assert (stream.period, stream.is_on) == (900, True)

    owner.post(control, {"do": "run"})
    stream.refresh_from_db()
    assert stream.due_at <= timezone.now()

    owner.post(control, {"every": "0"})
    stream.refresh_from_db()
    assert (stream.period, stream.is_on) == (900, False)


@pytest.mark.req("R-INV-03")
def test_warehouses_of_a_store(owner, store):
    lyon = factories.warehouse("lyon")
    leeds = factories.warehouse("leeds")
    page = url("store_warehouses", store.pk)

    owner.post(
        page,
        {
            "row": [leeds.pk, lyon.pk],
            f"priority-{leeds.pk}": "5",
            f"priority-{lyon.pk}": "1",
            "default": lyon.pk,
        },
    )
    rows = list(
        WarehouseMapping.objects.order_by("priority").values_list("warehouse__code", "priority", "is_default")
    )
    assert rows == [("lyon", 1, True), ("leeds", 5, False)]

    answer = owner.post(page, {}, follow=True)
    assert [str(m) for m in answer.context["messages"]][1:] == [
        "Choose at least one warehouse. Without one the store is offered nothing."
    ]
    assert WarehouseMapping.objects.count() == 2


@pytest.mark.req("R-ORD-08")
def test_the_status_map_is_edited_by_status_id(owner, store):
    page = url("store_statuses", store.pk)

    owner.post(page, {"status": "17", "state-17": "ready", "events-17": ["ready_to_ship"]})
    owner.post(page, {"status": "1", "state-1": "nonsense"})

    rows = {
        row.external_id: (row.remote_state, row.events, row.is_edited) for row in StatusMapEntry.objects.all()
    }
    assert rows == {"1": ("new", [], False), "17": ("ready", ["ready_to_ship"], True)}


def test_settings_are_saved_one_card_at_a_time(owner, store):
    page = url("store_settings", store.pk)
    carrier = Carrier.objects.create(name="Royal Mail")

    owner.post(page, {"which": "store", "store-name": "London shop"})
    owner.post(page, {"which": "channel", "channel-sku_rule": "model", "channel-pending_as_unpaid": "on"})
    owner.post(
        page,
        {
            "which": "orders",
            "orders-auto_release": "on",
            "orders-default_carrier": carrier.pk,
            "orders-unpaid_hold_hours": "0",
            "orders-action_window_days": "7",
            "orders-ship_within_hours": "24",
        },
    )
    owner.post(page, {"which": "policy", "policy-buffer": "2", "policy-percentage": "50", "policy-cap": ""})
    bad = owner.post(page, {"which": "policy", "policy-buffer": "-1", "policy-percentage": "101"})

    store.refresh_from_db()
    assert store.name == "London shop"
    assert (store.option("sku_rule"), store.option("pending_as_unpaid")) == ("model", True)
    row = OrderSettings.objects.get()
    assert (row.auto_release, row.default_carrier, row.unpaid_hold_hours) == (True, carrier, 0)
    policy = StockPolicy.objects.get()
    assert (policy.buffer, policy.percentage, policy.cap, policy.is_holiday) == (2, 50, None, False)
    assert set(bad.context["forms"]["policy"].errors) == {"buffer", "percentage"}


def test_carriers_of_a_store(owner, store):
    ours = Carrier.objects.create(name="DHL")
    row = CarrierMap.objects.create(connection=store, external_id="dhl.std", name="DHL Standard")
    other = CarrierMap.objects.create(connection=factories.store("Other"), external_id="x", name="X")

    owner.post(url("store_carriers", store.pk), {f"carrier-{row.pk}": ours.pk})
    owner.post(url("store_carriers", store.pk), {f"carrier-{other.pk}": ours.pk})

    row.refresh_from_db()
    other.refresh_from_db()
    assert (row.carrier, other.carrier) == (ours, None)


@pytest.mark.req("R-CAT-13")
def test_the_capability_table_is_the_spec(owner, store):
    answer = owner.get(url("store_capabilities", store.pk))

    shown = {str(key): (str(word), reason) for _words, key, word, _colour, reason in answer.context["rows"]}
    for capability, support in store.spec.capabilities.items():
        word, reason = shown[str(capability)]
        assert (word == "no") is (not support.supported)
        assert reason == support.reason
        assert reason or support.supported


def message(store: Connection, number: int, **fields: object) -> OutboxMessage:
    return OutboxMessage.objects.create(
        connection=store,
        kind="event",
        topic="shipped",
        lane="orders",
        subject=number,
        group=number,
        key=str(number),
        **fields,
    )


def test_messages_parked_held_sent_and_given_up(owner, store):
    parked = message(store, 1, parked_at=timezone.now(), last_error="No such order.", attempts=3)
    held = message(store, 2, is_held=True)
    page = url("store_messages", store.pk)

    def shown(which: str) -> list[int]:
        return [row.pk for row in owner.get(f"{page}?show={which}").context["cl"].rows]

    def act(where: str, action: str, row: OutboxMessage, **more: str) -> str:
        data = {"action": action, "index": "0", "_selected_action": row.pk, **more}
        return owner.post(where, data).content.decode()

    assert (shown("waiting"), shown("parked"), shown("held"), shown("sent")) == (
        [],
        [parked.pk],
        [held.pk],
        [],
    )
    assert "No such order." in owner.get(url("parked")).content.decode()

    act(f"{page}?show=held", "send", held)
    act(url("parked"), "retry", parked)
    assert sorted(shown("waiting")) == [parked.pk, held.pk]

    OutboxMessage.objects.filter(pk=held.pk).update(is_held=True)
    asked = act(f"{page}?tab=held", "skip", held)
    assert "Skip these messages?" in asked
    assert f"Shipped #{held.group} ({store})" in asked
    assert shown("held") == [held.pk]
    act(f"{page}?tab=held", "skip", held, confirmed="1")
    assert (shown("held"), shown("waiting")) == ([], [parked.pk])


def test_refused_records_show_what_came_and_can_be_asked_for_again(owner, store):
    row = RejectedRecord.objects.create(
        connection=store,
        stream="products",
        external_id="42",
        reason="Two <b>SKUs</b>.",
        native=packed({"sku": "<A>"}),
    )

    one = owner.get(url("store_refused_one", store.pk, row.pk)).content.decode()
    owner.post(url("store_refused", store.pk), {"action": "retry", "index": "0", "_selected_action": row.pk})

    assert "Two &lt;b&gt;SKUs&lt;/b&gt;." in one
    assert "&lt;A&gt;" in one
    assert store.streams.get(name="products").wanted_ids == ["42"]


@pytest.mark.req("R-INV-06")
def test_a_stock_difference_is_decided(owner, store):
    mug = factories.stocked("MUG", connection=store, leeds=4)
    listed = mug.listing_variants.get()
    StockDifference.objects.create(connection=store, listing_variant=listed, ours=4, theirs=9)

    page = owner.get(url("store_differences", store.pk))
    owner.post(url("store_differences", store.pk), {"row": StockDifference.objects.get().pk, "do": "keep"})

    assert [(row.ours, row.theirs) for row in page.context["rows"]] == [(4, 9)]
    row = StockDifference.objects.get()
    assert (row.taken_over, row.decided_at is None) == (False, False)
    assert mug.stock_items.get().on_hand == 4


@pytest.mark.req("R-INV-01")
def test_read_only_and_on_again(owner, store):
    switch = url("store_read_only", store.pk)

    owner.post(switch, {"do": "off"})
    store.refresh_from_db()
    assert store.is_read_only
    assert "This store is read-only" in owner.get(url("store", store.pk)).content.decode()

    message(store, 5, is_held=True)
    answer = owner.post(switch, {"do": "on"})
    store.refresh_from_db()
    assert not store.is_read_only
    assert answer.url == url("store_messages", store.pk) + "?show=held"


def test_a_job_shows_its_bar_and_can_be_cancelled(owner):
    jobs.register("test.nothing", lambda job: False)
    job = jobs.start(kind="test.nothing", title="Long <work>", total=200)
    Job.objects.filter(pk=job.pk).update(
        done=50, state="running", started_at=timezone.now() - timedelta(seconds=10)
    )

    data = owner.get(url("job_progress", job.pk)).json()
    page = owner.get(url("job", job.pk)).content.decode()
    owner.post(url("job", job.pk))

    assert (data["finished"], data["state"]) == (False, "running")
    assert 'value="25"' in data["parts"]["bar"]
    assert "about 30 s left" in data["parts"]["bar"]
    assert "Long &lt;work&gt;" in page
    job.refresh_from_db()
    assert job.cancel_requested_at is not None
    assert "stopping" in owner.get(url("job_progress", job.pk)).json()["parts"]["bar"]


@pytest.mark.req("R-USE-04", "R-CONN-09")
def test_work_that_does_not_move_says_how_its_store_is(owner, store):
    """A bar that stands at nothing for hours explains itself, by the page and by what the page asks for meanwhile."""
    jobs.register("test.nothing", lambda job: False)
    job = jobs.start(kind="test.nothing", title="Sync Orders", subject_kind="connection", subject_id=store.pk)
    waits = "The channel asked Manifold to wait. It continues in"

    def shown() -> tuple[bool, bool]:
        bar = owner.get(url("job_progress", job.pk)).json()["parts"]["bar"]
        return waits in owner.get(url("job", job.pk)).content.decode(), waits in bar

    assert shown() == (False, False)
    Connection.objects.update(blocked_until=timezone.now() + timedelta(hours=23))
    assert shown() == (True, True)
    Job.objects.update(state="done", finished_at=timezone.now())
    assert shown() == (False, False)


@pytest.mark.req("R-ORD-04")
def test_what_the_channel_does_not_have_is_not_called_refused(owner):
    job = Job.objects.create(
        kind="channels.pull",
        title="Sync Orders",
        state="done",
        refused=3,
        result={"missing": 2, "refused": 1},
    )

    bar = owner.get(url("job_progress", job.pk)).json()["parts"]["bar"]
    rows = owner.get(url("jobs")).context["cl"].rows

    assert "1 rejected" in bar
    assert "2 not on the channel" in bar
    assert "3 rejected" not in bar
    assert [(refused_of(row), missing_of(row)) for row in rows] == [(1, 2)]


@pytest.mark.parametrize(
    "name", ["stores", "store", "store_listings", "store_messages", "jobs", "parked", "store_first_sync"]
)
def test_a_page_costs_the_same_however_much_there_is(owner, store, name):
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert (
                owner.get(
                    url(name, *([store.pk] if name.startswith("store_") or name == "store" else []))
                ).status_code
                == 200
            )
        return len(queries)

    jobs.register("test.nothing", lambda job: False)

    def more(numbers: range) -> None:
        for number in numbers:
            factories.stocked(f"SKU-{name}-{number}", connection=store, leeds=3)
            message(store, 1000 + number, parked_at=timezone.now())
            Job.objects.create(
                kind="test.nothing", title=f"j{number}", subject_kind="connection", subject_id=store.pk
            )
            Job.objects.create(kind="test.nothing", title=f"d{number}", state="done")
            SyncRun.objects.create(connection=store, stream=f"s{number}", state="done")
            factories.store(f"{name} {number}")

    more(range(2))
    count()
    few = count()
    more(range(2, 9))

    assert count() == few
    assert few <= 32


def test_an_unknown_store_is_a_404(owner):
    assert owner.get(url("store", 999)).status_code == 404
    assert owner.get(url("job", 999)).status_code == 404


@pytest.mark.req("R-USE-01")
@pytest.mark.parametrize(
    ("role", "hidden"),
    [
        ("Owner", set()),
        ("Order desk", {"Calls", "Settings"}),
        ("Read-only", {"Calls", "Settings"}),
    ],
)
def test_a_person_sees_only_tabs_that_open(client, django_user_model, store, role, hidden):
    person = django_user_model.objects.create_user("one", is_staff=True)
    person.groups.set([Group.objects.get(name=role)])
    client.force_login(person)
    shown = client.get(url("store", store.pk)).context["tabs"]

    assert {address: client.get(address).status_code for _text, address, *_rest in shown} == {
        address: 200 for _text, address, *_rest in shown
    }
    assert {str(text) for text, *_rest in shown} & {"Calls", "Settings"} == {"Calls", "Settings"} - hidden


@pytest.mark.req("R-CAT-14")
def test_each_count_of_the_report_opens_its_rows(owner, store):
    for sku, price, quantity in (("FREE", 0, 4), ("NONE", None, 4), ("GOOD", 5, 0)):
        factories.listed(factories.variant(sku, price=price), store, remote_quantity=quantity)

    page = url("store_listings", store.pk)
    found = {
        missing: [row.external_sku for row in owner.get(page, {"missing": missing}).context["rows"]]
        for missing in ("price", "zero", "picture", "text", "stock", "nonsense")
    }

    assert found["price"] == ["NONE"]
    assert found["zero"] == ["FREE"]
    assert found["stock"] == ["GOOD"]
    assert found["picture"] == found["text"] == found["nonsense"] == ["FREE", "NONE", "GOOD"]


@pytest.mark.req("R-CAT-14")
def test_the_report_counts_what_the_guides_ask_of_product_data_and_each_count_leads_to_its_rows(owner, store):
    factories.listed(factories.variant("TWIN-A", barcode="50123", price=3), store, remote_quantity=1)
    factories.variant("TWIN-B", barcode="50123", price=3)
    factories.listed(factories.variant("EURO", currency="EUR"), store, remote_quantity=1)
    odd = factories.listed(factories.variant("ODD"), store, remote_quantity=1)
    odd.listing.stock_blocked = "Tracking is off there."
    odd.listing.save()
    odd.variant.product.attributes = {"Material": "Oak"}
    odd.variant.product.save()
    other = factories.store(
        "BC", channel="bigcommerce", account={"extra": {"is_price_entered_with_tax": True}}
    )
    factories.store("Same", channel="opencart")
    factories.store("Says nothing", channel="etsy")
    Job.objects.create(
        kind="channels.first_sync", title="f", subject_kind="connection", subject_id=store.pk, state="done"
    )

    findings = {
        str(line.title): (line.count, str(line.help), line.url)
        for line in owner.get(url("store_first_sync", store.pk)).context["findings"]
    }
    page = url("store_listings", store.pk)

    def rows(key: str) -> list[str]:
        return [row.external_sku for row in owner.get(page, {"missing": key}).context["rows"]]

    twins = "SKUs with a duplicate barcode"
    assert findings[twins] == (1, "", f"{page}?missing=sku")
    assert findings["SKUs with a price in another currency"][0] == 1
    assert findings["SKUs whose stock is not sent"][0] == 1
    assert findings["Products without attributes"][0] == 2
    assert findings["Stores with another tax setting for prices"][:2] == (
        1,
        other.name,
    )
    assert "SKUs with a price of 0" not in findings
    assert (rows("sku"), rows("currency"), rows("blocked")) == (["TWIN-A"], ["EURO"], ["ODD"])
    assert rows("attributes") == ["TWIN-A", "EURO"]


@pytest.mark.fault("F-43")
def test_the_first_sync_report_counts_as_read_when_it_was_shown(owner):
    """While the sync runs, nothing is recorded."""
    shop = factories.store("UK Shop", is_read_only=True, report_seen_at=None)
    job = Job.objects.create(
        kind=first_sync.KIND, subject_kind="connection", subject_id=shop.pk, state=Job.State.RUNNING
    )

    def may_go_live() -> bool:
        text = owner.get(url("store_plan", shop.pk)).content.decode()
        return "Read the first sync report before you go live." not in text

    owner.get(url("store_first_sync", shop.pk))
    assert not may_go_live()
    Job.objects.filter(pk=job.pk).update(state=Job.State.DONE, finished_at=timezone.now())
    assert not may_go_live()
    owner.get(url("store_first_sync", shop.pk))
    assert may_go_live()
