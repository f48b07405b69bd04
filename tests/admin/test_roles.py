"""The five roles, page by page: a person sees and does only what the role may (R-USE-01)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from channels.models import CallLog, OutboxMessage, RejectedRecord, SyncStream
from channels.pull.page_writer import packed
from oms.accounts.delegation import permissions_in
from oms.accounts.rights import every_right, permissions_of
from oms.accounts.roles import ROLES, table, upsert_roles
from oms.kit.background import jobs
from oms.kit.models import Job
from tests import factories
from tests.admin.pages import pages
from tests.test_architecture import ROOT

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-USE-01")]

OWNER, CATALOGUE, DESK, WAREHOUSE, READER = ROLES


def may(*permissions: str) -> frozenset[str]:
    """The roles with one of these permissions: who may do what is in one table, `oms.accounts.roles`."""
    return frozenset(role for role, given in ROLES.items() if set(permissions) & set(given))


EVERYBODY = frozenset(ROLES)
WITH_STORES = may("channels.view_connection")
SYNCERS = may("kit.add_job")
OWNERS = may("channels.change_connection")

#: Page -> who may open it. A page that is not here fails the test.
READ = {
    "stores": WITH_STORES,
    "connect": OWNERS,
    "connect_channel": OWNERS,
    "store": WITH_STORES,
    "store_stream": None,
    "store_first_sync": WITH_STORES,
    "store_plan": WITH_STORES,
    "store_sync_orders": SYNCERS,
    "store_sync_products": SYNCERS,
    "store_sync_stock": SYNCERS,
    "store_sync_prices": SYNCERS,
    "store_pause": None,
    "store_read_only": None,
    "store_reconnect": OWNERS,
    "store_disconnect": OWNERS,
    "store_listings": EVERYBODY,
    "store_price_rule": EVERYBODY,
    "store_reconcile": EVERYBODY,
    "store_refused": WITH_STORES,
    "store_refused_one": WITH_STORES,
    "store_messages": WITH_STORES,
    "store_warehouses": EVERYBODY,
    "store_statuses": WITH_STORES,
    "store_carriers": WITH_STORES,
    "store_carrier_rules": WITH_STORES,
    "store_capabilities": WITH_STORES,
    "store_calls": OWNERS,
    "store_call": OWNERS,
    "store_settings": OWNERS,
    "store_documents": WITH_STORES,
    "store_history": may("kit.view_auditentry"),
    "jobs": EVERYBODY,
    "job": EVERYBODY,
    "job_progress": EVERYBODY,
    "parked": WITH_STORES,
}

#: Page -> who may send its form.
WRITE = {
    "connect_channel": OWNERS,
    "store_stream": SYNCERS,
    "store_first_sync": OWNERS,
    "store_sync_orders": SYNCERS,
    "store_sync_products": SYNCERS,
    "store_sync_stock": SYNCERS,
    "store_sync_prices": SYNCERS,
    "store_pause": OWNERS,
    "store_read_only": OWNERS,
    "store_reconnect": OWNERS,
    "store_disconnect": OWNERS,
    "store_price_rule": OWNERS,
    "store_reconcile": SYNCERS,
    "store_refused": SYNCERS,
    "store_messages": SYNCERS,
    "store_warehouses": OWNERS,
    "store_statuses": OWNERS,
    "store_carriers": OWNERS,
    "store_carrier_rules": OWNERS,
    "store_settings": OWNERS,
    "store_documents": OWNERS,
    "job": SYNCERS,
    "parked": SYNCERS,
}


#: What the form of a list sends; the others are sent empty.
SENT = {name: {"action": "retry", "index": 0} for name in ("store_refused", "store_messages", "parked")}


@pytest.fixture
def addresses() -> dict[str, str]:
    """One address for each page, of rows that exist."""
    store = factories.store(maps={"leeds": 1})
    stream = SyncStream.objects.create(connection=store, name="orders.new", period=300)
    refused = RejectedRecord.objects.create(
        connection=store, stream="products", external_id="7", reason="no", native=packed({"id": 7})
    )
    call = CallLog.objects.create(connection=store, method="GET", url="/x", status=200)
    job = Job.objects.create(kind="channels.pull", title="A job", state=Job.State.DONE)
    more: dict[str, dict[str, Any]] = {
        "connect_channel": {"channel": "opencart"},
        "store_stream": {"pk": store.pk, "stream": stream.pk},
        "store_refused_one": {"pk": store.pk, "record": refused.pk},
        "store_call": {"pk": store.pk, "call": call.pk},
        "job": {"pk": job.pk},
        "job_progress": {"pk": job.pk},
    }
    found = {}
    for route, name in pages():
        kwargs = more.get(name, {"pk": store.pk} if "<key:pk>" in route else {})
        found[name] = reverse(f"admin:{name}", kwargs=kwargs)
    return found


def as_role(client: Client, role: str) -> Client:
    person = factories.user(role.lower().replace(" ", "-"))
    person.groups.add(Group.objects.get(name=role))
    client.force_login(person)
    return client


def test_every_page_is_on_the_list(addresses):
    assert set(addresses) == set(READ)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_its_pages_and_no_other(client, addresses, role):
    as_role(client, role)

    opened = {
        name
        for name, who in READ.items()
        if who is not None and client.get(addresses[name]).status_code == 200
    }

    assert opened == {name for name, who in READ.items() if who is not None and role in who}
    for name, who in READ.items():
        if who is not None and role not in who:
            assert client.get(addresses[name]).status_code == 403, name


@pytest.mark.parametrize("role", ROLES)
def test_a_role_sends_its_forms_and_no_other(client, addresses, role):
    as_role(client, role)

    refused = {name for name in WRITE if client.post(addresses[name], SENT.get(name, {})).status_code == 403}

    assert refused == {name for name, who in WRITE.items() if role not in who}


@pytest.mark.parametrize("role", ROLES)
def test_the_menu_leads_nowhere_that_is_closed(client, role):
    as_role(client, role)

    menu = client.get(reverse("admin:index")).context["menu"]

    for group in menu:
        for entry in group["entries"]:
            assert client.get(entry["url"]).status_code == 200, (role, str(entry["title"]))
    titles = {str(entry["title"]) for group in menu for entry in group["entries"]}
    assert ("Users" in titles) is (role == OWNER)
    assert ("Ecommerce Sales Channels" in titles) is (role in WITH_STORES)


def test_what_a_role_may_not_do_is_not_offered(client, addresses):
    as_role(client, READER)

    text = client.get(addresses["store"]).content.decode()

    assert "Sync Orders" not in text
    assert "Disconnect" not in text
    assert "Run now" not in text
    assert re.findall(r'<form method="post" action="(?!/admin/logout/)', text) == []


def test_credentials_are_shown_to_nobody(client, addresses, django_user_model):
    store = factories.store(
        "Secret",
        credentials={"domain_url": "https://shop.example", "secret_key": "TOP-SECRET-KEY-0123456789"},
    )
    client.force_login(django_user_model.objects.create_superuser("owner"))

    for route, name in pages():
        if "<key:pk>" in route and route.count("<") == 1 and "jobs" not in route:
            answer = client.get(reverse(f"admin:{name}", args=[store.pk]))
            assert b"TOP-SECRET" not in answer.content, name


def test_nobody_without_a_sign_in_gets_anywhere(client, addresses):
    for name, url in addresses.items():
        answer = client.get(url)
        assert (answer.status_code, answer["Location"].startswith("/admin/login/")) == (302, True), name


def granted(role: str) -> set[str]:
    return permissions_in(Group.objects.get(name=role))


def test_every_permission_of_a_role_exists_and_is_in_one_right():
    names = [name for right in every_right() for name in right.permissions]

    assert len(names) == len(set(names))
    assert set(names) == granted(OWNER)


def test_the_owner_has_every_permission_that_our_code_asks_for():
    asked = re.compile(
        r"""["'](?:perms\.)?((?:orders|inventory|catalogue|channels|kit|auth)\.[a-z]+_[a-z]+)["'\s%}]"""
    )
    verbs = ("view", "add", "change", "delete", "export", "work", "ship")
    found = {
        name
        for package in ("oms", "orders", "inventory", "catalogue", "channels")
        for path in (ROOT / package).rglob("*.py")
        for name in asked.findall(path.read_text(encoding="utf-8"))
        if name.partition(".")[2].startswith(tuple(f"{verb}_" for verb in verbs))
    }

    assert len(found) > 30
    assert found <= set(ROLES[OWNER])


def test_nobody_has_permissions_of_libraries_or_of_internal_tables():
    apps = {name.partition(".")[0] for name in ROLES[OWNER]}

    assert apps == {"orders", "inventory", "catalogue", "channels", "kit", "auth", "api", "imports"}
    for internal in (
        "bell",
        "budget",
        "connectiontoken",
        "lanebeat",
        "appquota",
        "connectorstate",
        "listview",
    ):
        assert [name for name in ROLES[OWNER] if name.endswith(f"_{internal}")] == []
    assert all(set(permissions) <= set(ROLES[OWNER]) for permissions in ROLES.values())


def test_a_role_of_ones_own_is_made_of_rights(client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("owner"))
    add = reverse("admin:auth_group_add")
    text = client.get(add).content.decode()
    assert "Pack and ship orders" in text
    assert set(re.findall(r'name="rights" value="(\w+)"', text)) == {right.key for right in every_right()}
    assert 'name="permissions"' not in text

    client.post(add, {"name": "Packers", "rights": ["see_orders", "ship_orders"]})

    group = Group.objects.get(name="Packers")
    assert permissions_in(group) == set(permissions_of(["see_orders", "ship_orders"]))

    client.post(
        reverse("admin:auth_group_change", args=[group.pk]), {"name": "Packers", "rights": ["see_orders"]}
    )

    assert permissions_in(group) == set(permissions_of(["see_orders"]))
    answer = client.post(
        reverse("admin:auth_group_change", args=[group.pk]),
        {"name": "Packers", "rights": ["delete_everything"]},
    )
    assert answer.status_code == 200, "an unknown right is an error of the form"
    assert permissions_in(group) == set(permissions_of(["see_orders"]))


def test_a_migration_brings_the_roles_up_to_date():
    desk = Group.objects.get(name=DESK)
    desk.permissions.clear()
    Group.objects.get(name=READER).permissions.add(Permission.objects.get(codename="delete_order"))
    own = Group.objects.create(name="Our own")

    upsert_roles()

    assert granted(DESK) == set(ROLES[DESK])
    assert not Group.objects.get(name=READER).permissions.exclude(codename__startswith="view_").exists()
    assert granted(OWNER) == set(ROLES[OWNER])
    assert own.permissions.count() == 0


def test_a_role_of_manifold_is_not_edited_by_hand(client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("owner"))
    desk, own = Group.objects.get(name=DESK), Group.objects.create(name="Our own")

    assert client.post(reverse("admin:auth_group_change", args=[desk.pk]), {"name": "x"}).status_code == 403
    assert client.post(reverse("admin:auth_group_change", args=[own.pk]), {"name": "x"}).status_code == 302
    assert set(Group.objects.filter(name__in=[DESK, "x"]).values_list("name", flat=True)) == {DESK, "x"}


def test_parked_messages_of_others_are_not_acted_on(client, addresses):
    as_role(client, DESK)
    ours = factories.store("Ours")
    theirs = factories.store("Theirs")
    message = OutboxMessage.objects.create(
        connection=theirs,
        kind="event",
        topic="shipped",
        lane="orders",
        subject=1,
        key="k",
        parked_at=timezone.now(),
    )

    client.post(
        reverse("admin:store_messages", args=[ours.pk]) + f"?tab=failed&store={theirs.pk}",
        {"action": "retry", "_selected_action": message.pk, "index": 0},
    )
    client.post(
        reverse("admin:store_messages", args=[ours.pk]) + "?tab=failed",
        {"action": "skip", "_selected_action": message.pk, "index": 0, "confirmed": 1},
    )

    message.refresh_from_db()
    assert message.skipped_at is None
    assert message.parked_at is not None


def test_cancelling_a_job_needs_the_role(client):
    jobs.register("test.nothing", lambda job: False)
    job = jobs.start(kind="test.nothing", title="t")
    as_role(client, WAREHOUSE)

    assert client.post(reverse("admin:job", args=[job.pk])).status_code == 403

    job.refresh_from_db()
    assert job.state == Job.State.WAITING


def test_a_new_person_can_sign_in(client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("owner"))

    client.post(
        reverse("admin:auth_user_add"),
        {
            "username": "newcomer",
            "usable_password": "true",
            "password1": "long enough 4 us",
            "password2": "long enough 4 us",
        },
    )

    assert django_user_model.objects.get(username="newcomer").is_staff
    assert client.login(username="newcomer", password="long enough 4 us")


def test_the_table_gives_each_role_its_pages():
    """Against the words of R-USE-01: the sets of these tests are computed, so a slip in the table shows here."""
    assert {OWNER, CATALOGUE, DESK, READER} == WITH_STORES
    assert {OWNER, CATALOGUE, DESK} == SYNCERS
    assert OWNERS == may("auth.change_user") == may("channels.view_calllog") == {OWNER}
    assert may("orders.work_order") == {OWNER, DESK}
    assert may("orders.ship_order") == may("inventory.change_stockitem") == {OWNER, WAREHOUSE}
    assert may("catalogue.change_product") == {OWNER, CATALOGUE}


def test_the_document_has_the_table_of_roles():
    assert table() in (ROOT / "docs" / "roles.md").read_text(encoding="utf-8")
