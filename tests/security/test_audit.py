# long because: one table of every write, and who is named as its author.
"""Every write names its author: one table over all addresses that take a form (F-34)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from catalogue.models import Listing, ListingVariant, Variant
from channels.models import Connection, OutboxMessage, RejectedRecord, StatusMapEntry, SyncStream
from inventory.models import StockItem, StockMovement, Warehouse
from oms.kit.authors import audit
from oms.kit.authors.actors import SYSTEM, Author, acting, current
from oms.kit.authors.audit import changes_text
from oms.kit.models import AuditEntry, Job
from orders.models import Carrier, Note
from tests import factories
from tests.security.rows import Rows, every_row

pytestmark = [pytest.mark.django_db, pytest.mark.fault("F-34"), pytest.mark.req("R-PLUS-20")]

STORE, PRODUCT = "channels.connection", "catalogue.product"


@dataclass
class Case:
    """One write: the address, what is sent, the entry that it leaves, and one of its old → new lines ("" for none)."""

    name: str
    send: dict[str, Any] | Callable[[Rows], dict[str, Any]]
    action: str
    line: str = ""
    of: str = STORE
    more: dict[str, Any] = field(default_factory=dict)
    before: Callable[[Rows], object] = lambda rows: None


def row(model: Any, rows: Rows) -> Any:
    return model.objects.get(pk=rows.ids[model._meta.label_lower])


def paused(rows: Rows) -> None:
    Connection.objects.update(state="paused")


def read_only(rows: Rows) -> None:
    Connection.objects.update(is_read_only=True)


def status(rows: Rows) -> None:
    StatusMapEntry.objects.create(connection_id=rows.ids[STORE], external_id="1", name="Pending")


def variant_form(rows: Rows) -> dict[str, Any]:
    of = Variant.objects.filter(product=rows.ids[PRODUCT]).latest("pk")
    return {f"price-{of.pk}": "9.99", f"selling_price-{of.pk}": ""}


def listed_price(rows: Rows) -> dict[str, Any]:
    return {
        "listed": ListingVariant.objects.filter(variant__product=rows.ids[PRODUCT]).latest("pk").pk,
        "price": "7.50",
    }


def of_listing(rows: Rows) -> dict[str, Any]:
    return {"listing": Listing.objects.get(product=rows.ids[PRODUCT]).pk, "confirmed": "1"}


def unlisted(rows: Rows) -> None:
    Listing.objects.filter(product=rows.ids[PRODUCT]).update(state="removed")


def waiting(rows: Rows) -> None:
    Job.objects.update(state="waiting")


def with_products(rows: Rows) -> None:
    SyncStream.objects.create(connection_id=rows.ids[STORE], name="products", period=3600)


def other_channel(rows: Rows) -> None:
    """OpenCart has no call that switches a listing off."""
    Connection.objects.update(channel="bigcommerce")


def failed(rows: Rows) -> None:
    OutboxMessage.objects.filter(pk=rows.ids["channels.outboxmessage"]).update(parked_at="2026-01-01T00:00Z")


def group(rows: Rows) -> dict[str, Any]:
    return {"groups": [Group.objects.get(name="Warehouse").pk], "username": "somebody", "is_active": "on"}


NEW_USER = {
    "username": "newcomer",
    "usable_password": "true",
    "password1": "plum-tractor-window",
    "password2": "plum-tractor-window",
}

CASES = (
    Case("store_pause", {}, "store.paused", "State: Active → Paused"),
    Case("store_pause", {"do": "resume"}, "store.resumed", "State: Paused → Active", before=paused),
    Case("store_read_only", {}, "store.read_only", "Read-only: No → Yes"),
    Case("store_read_only", {"do": "on"}, "store.live", "Read-only: Yes → No", before=read_only),
    Case("store_disconnect", {"confirmed": "1"}, "store.disconnected", "State: Active → Disconnected"),
    Case(
        "store_settings",
        {"which": "store", "store-name": "New name"},
        "store.settings",
        "Name: UK Shop → New name",
    ),
    Case(
        "store_settings",
        {"which": "policy", "policy-buffer": "3"},
        "store.limits",
        "Buffer: – → 3",
    ),
    Case("store_settings", {"which": "policy", "policy-is_holiday": "on"}, "store.holiday", "No → Yes"),
    Case(
        "store_settings",
        {
            "which": "orders",
            "orders-unpaid_hold_hours": "5",
            "orders-action_window_days": "14",
            "orders-ship_within_hours": "24",
        },
        "store.order_settings",
        "→ 5",
    ),
    Case("store_stream", {"every": "600"}, "store.schedule", "300 → 600", more={"stream": "stream"}),
    Case("store_stream", {"do": "run"}, "store.import_started", more={"stream": "stream"}),
    Case(
        "store_statuses",
        {"status": "1", "state-1": "completed", "was-1": "unknown:"},
        "store.status_map",
        "→ completed",
        before=status,
    ),
    Case(
        "store_warehouses",
        lambda rows: {"row": [Warehouse.objects.get(code="leeds").pk], "priority-1": "5"},
        "store.warehouses",
        "Warehouses: Leeds",
    ),
    Case("store_sync_orders", {"numbers": "17", "mode": "numbers"}, "job.started"),
    Case("store_sync_products", {}, "job.started", before=with_products),
    Case("store_sync_stock", {}, "store.send_stock"),
    Case("store_sync_prices", {"skus": "MUG-RED"}, "store.send_price", "→ MUG-RED"),
    Case("product_act", variant_form, "sku.price", "→ 9.99", of=PRODUCT, more={"what": "variants"}),
    Case("product_act", listed_price, "sku.price", "→ 7.50", of=PRODUCT, more={"what": "price"}),
    Case("product_act", of_listing, "listing.sent_again", of=PRODUCT, more={"what": "update"}),
    Case(
        "product_act",
        of_listing,
        "listing.state",
        "→ ",
        of=PRODUCT,
        more={"what": "off"},
        before=other_channel,
    ),
    Case("product_act", of_listing, "listing.deleted", of=PRODUCT, more={"what": "delete"}),
    Case("product_act", {}, "product.archived", of=PRODUCT, more={"what": "archive"}, before=unlisted),
    Case(
        "catalogue_variant_set",
        {"field": "reorder_point", "value": "7", "was": "10"},
        "changed",
        "Reorder point: 10 → 7",
        of="catalogue.variant",
    ),
    Case("job", {}, "job.cancelled", of="kit.job", before=waiting),
    Case(
        "parked",
        lambda rows: {
            "action": "skip",
            "_selected_action": rows.ids["channels.outboxmessage"],
            "index": 0,
            "confirmed": 1,
        },
        "message.skipped",
        of="",
        before=failed,
    ),
    Case(
        "store_plan",
        lambda rows: {"row": rows.ids["channels.outboxmessage"]},
        "message.skipped",
        before=failed,
    ),
    Case(
        "channels_rejectedrecord_changelist",
        lambda rows: {"action": "retry", "_selected_action": RejectedRecord.objects.get().pk, "index": 0},
        "record.retried",
        of="",
    ),
    Case("auth_user_add", NEW_USER, "added", of=""),
    Case("auth_user_change", group, "changed", "– → Warehouse", of="auth.user"),
    Case(
        "auth_user_password_change",
        {**NEW_USER, "set-password": "1"},
        "changed",
        "Password changed",
        of="auth.user",
    ),
    Case("auth_group_add", {"name": "Packers", "rights": ["see_orders"]}, "added", of=""),
    Case(
        "auth_group_change",
        {"name": "Our own", "rights": ["see_stock"]},
        "changed",
        "Permissions: – → See stock",
        of="auth.group",
    ),
    Case("auth_group_delete", {"post": "yes"}, "deleted", of="auth.group"),
    Case(
        "orders_carrier_change",
        {"name": "Royal Mail", "tracking_url": "https://t.example/{number}", "is_active": "on"},
        "changed",
        "→ https://t.example/{number}",
        of="orders.carrier",
    ),
    Case("orders_carrier_add", {"name": "DPD", "is_active": "on"}, "added", of=""),
    Case(
        "inventory_supplier_add",
        {"name": "Kilns", "lead_days": "7", "cover_days": "30", "is_active": "on"},
        "added",
        of="",
    ),
    Case(
        "inventory_supplier_change",
        {"name": "Potters", "lead_days": "7", "cover_days": "30", "is_active": "on"},
        "changed",
        "14 → 7",
        of="inventory.supplier",
    ),
    Case(
        "inventory_warehouse_add",
        {"name": "York", "code": "york", "country": "GB", "is_active": "on"},
        "added",
        of="",
    ),
    Case(
        "inventory_warehouse_change",
        {"name": "Leeds 2", "code": "lyon", "country": "GB", "is_active": "on"},
        "changed",
        "Name: Lyon → Leeds 2",
        of="inventory.warehouse",
    ),
)


@pytest.fixture
def rows() -> Rows:
    made = every_row()
    AuditEntry.objects.all().delete()  # of the making
    return made


@pytest.fixture
def owner(client: Client, django_user_model) -> User:
    person = django_user_model.objects.create_superuser("boss")
    client.force_login(person)
    return person


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name} {case.action}")
def test_a_write_leaves_who_what_old_and_new(client: Client, rows: Rows, owner, case: Case) -> None:
    case.before(rows)
    sent = case.send(rows) if callable(case.send) else case.send
    args = [rows.ids[case.of]] if case.of else []
    args += [rows.others.get(value, value) for value in case.more.values()]

    kind: dict[str, Any] = {"content_type": "application/json"} if case.name.endswith("_set") else {}
    answer = client.post(reverse(f"admin:{case.name}", args=args), sent, **kind)

    assert answer.status_code in (200, 302), answer.status_code
    found = [entry for entry in AuditEntry.objects.order_by("pk") if entry.action == case.action]
    assert found, [(e.action, e.changes) for e in AuditEntry.objects.all()]
    assert {(one.author_id, one.author_name, one.author_kind) for one in found} == {
        (owner.pk, "boss", "person")
    }
    assert audit.words_of(case.action) != case.action, "it has words"
    if case.line:
        assert any(case.line in text for one in found for text in changes_text(one)), [
            changes_text(o) for o in found
        ]


#: Addresses whose forms change nothing of the business, or that have another record with an author.
ELSEWHERE = {
    "orders_manifest_add": "the timeline of its orders",
    "order_move": "the order's timeline",
    "order_act": "the order's timeline",
    "order_correct": "the order's timeline",
    "order_warehouse": "the order's timeline",
    "orders_orderrule_add": "the audit log: tests/admin/test_rule_pages.py",
    "orders_orderrule_change": "the audit log: tests/admin/test_rule_pages.py",
    "rule_act": "the audit log: tests/admin/test_rule_pages.py",
    "order_return": "the audit log of the return, and the order's timeline: tests/orders/test_returns.py",
    "return_without_order": "the audit log of the return: tests/orders/test_returns.py",
    "stock_adjust": "the stock movements",
    "stock_unusable": "the audit log and the stock movements: tests/admin/test_stock_work.py",
    "delivery_new": "the audit log: tests/admin/test_stock_work.py",
    "count_new": "the audit log: tests/admin/test_stock_work.py",
    "transfer_new": "the audit log: tests/admin/test_stock_work.py",
    "inventory_delivery_change": "the audit log: tests/admin/test_stock_work.py",
    "inventory_stockcount_change": "the audit log: tests/admin/test_stock_work.py",
    "inventory_transfer_change": "the audit log: tests/admin/test_stock_work.py",
    "reorder": "the audit log: tests/admin/test_stock_work.py",
    "exposure": "the audit log: tests/inventory/test_exposure.py",
    "store_price_rule": "the audit log: tests/admin/test_price_rule.py",
    "store_reconcile": "the audit log: tests/test_reconcile.py",
    "store_differences": "the stock movements, or the audit log",
    "sku_inbox": "services that have cases: map_sku, give_sku; its own decisions: tests/admin/test_problems.py",
    "store_carriers": "its service has a case below",
    "store_listings": "services that have cases",
    "store_calls": "a list that only shows",
    "store_capabilities": "a page that only shows",
    "jobs": "a list whose action cancels jobs, as the page of one",
    "store_messages": "the list of failed messages, in a store",
    "store_refused": "the list of rejected records, in a store",
    "store_first_sync": "a job",
    "store_reconnect": "its service has a case below",
    "connect_channel": "its service has a case below",
    "product_list_on": "tests/admin/test_listing_forms.py",
    "product_attributes": "tests/admin/test_list_many.py",
    "set_category": "tests/admin/test_list_many.py",
    "list_many": "tests/admin/test_list_many.py",
    "catalogue_productcategory_add": "tests/admin/test_list_many.py",
    "catalogue_product_add": "its service has a case below",
    "catalogue_product_change": "its service has a case below",
    "orders_job": "cancels a job",
    "password_change": "the page of one's own account",
    "account": "tests/security/test_account.py",
    "account_alerts": "tests/admin/test_alert_pages.py",
    "order_new": "the timeline of the order",
    "order_new_totals": "nothing is changed",
    "ship_station": "the timeline of each order",
    "pack_act": "the timeline of the order",
    "pick_waves": "the wave, which names its author",
    "pick_wave_act": "the timeline of the order and the stock movements: tests/orders/test_pick_waves.py",
    "inventory_stockitem_change": "the audit log: tests/orders/test_pick_waves.py",
    "customer": "tests/admin/test_customers.py",
    "order_native": "the audit log: tests/orders/test_replay.py",
    "sku_kit": "the audit log: tests/kits/test_pages.py",
    "sku_merge": "the audit log and the stock movements: tests/orders/test_sku_merging.py",
    "sku_unmerge": "the audit log and the stock movements: tests/orders/test_sku_merging.py",
    "imports_columns": "the import, which names its author",
    "api_keys": "tests/admin/test_api_keys.py",
    "api_key_revoke": "tests/admin/test_api_keys.py",
    "hooks": "a page that only shows",
    "hook_new": "tests/channels/test_hooks.py",
    "hook": "tests/channels/test_hooks.py",
    "carrier_account": "tests/carriers/test_pages.py",
    "carrier_account_new": "tests/carriers/test_pages.py",
    "carrier_account_state": "the service of stores, which has a case",
    "carrier_account_disconnect": "the service of stores, which has a case",
    "store_carrier_rules": "the audit log: tests/carriers/test_rules.py",
    "carrier_names": "the service of the carrier map, which has a case below",
    "parcel_said": "the timeline of the order",
    "report_events": "the timeline of the order, by the name of the key",
    "label_buy": "the label, and the timeline of the order",
    "label_prices": "the label, and the timeline of the order",
    "label_act": "the timeline of the order",
    "label_file": "the label, which counts its prints",
    "label_job": "cancels a job",
    "store_delete": "the job, which names its author: tests/upkeep/test_leaving.py",
    "wms": "tests/wms/test_setup.py",
    "wms_new": "tests/wms/test_setup.py",
    "wms_state": "tests/wms/test_setup.py",
    "wms_disconnect": "tests/wms/test_setup.py",
    "store_documents": "tests/documents/test_store_page.py",
    "print_order": "the document, which counts its prints",
    "print_manifest": "the document, which counts its prints",
    "credit_note": "the document, which names its author",
    "make_moves": "the timeline of the order, by the name of the key",
    "acknowledge": "the timeline of the order, by the name of the warehouse system",
    "report_event": "the timeline of the order, by the name of the warehouse system",
    "adjust_stock": "the stock movements, by the name of the key",
    "count_stock": "the stock movements, by the name of the key",
    "report_adjustments": "the stock movements, by the name of the warehouse system",
    "report_counts": "the stock movements, by the name of the warehouse system",
    "report_receipt": "the stock movements, by the name of the warehouse system",
    "personal_data": "tests/security/test_personal_data.py",
    "security": "tests/security/test_account.py",
    "first_run": "tests/upkeep/test_watching.py",
    "admin_password_reset": "tests/security/test_account.py",
    "admin_password_new": "tests/security/test_account.py",
    "login": "the sign-in log",
    "logout": "nothing is changed",
}
#: Forms that every list has: views of a person, cancelled jobs, and edits that go through a service with a case.
OF_LISTS = (
    "_views",
    "_job",
    "_set",
    "_changelist",
    "_export",
    "_job_file",
    "_count",
    "_history",
    "_job_progress",
)


def takes_forms(patterns: Sequence[Any]) -> Iterator[str]:
    """Names of the addresses under admin/ whose view answers POST."""
    for one in patterns:
        if isinstance(one, URLResolver):
            yield from takes_forms(one.url_patterns)
        elif isinstance(one, URLPattern) and one.name:
            view = getattr(one.callback, "view_class", None) or getattr(
                getattr(one.callback, "__wrapped__", None), "view_class", None
            )
            if view is None or hasattr(view, "post"):
                yield one.name


def test_every_address_that_takes_a_form_has_a_case_or_another_record() -> None:
    names = {
        name for name in takes_forms(get_resolver("oms.urls").url_patterns) if not name.endswith(OF_LISTS)
    }
    known = {case.name for case in CASES} | set(ELSEWHERE)
    gets = {
        "index", "picture", "original_picture", "app_list", "autocomplete", "jsi18n", "view_on_site", "search", "healthz", "readyz", "metrics", "set_language",
        "password_change_done", "webhook", "auth", "load", "uninstall", "remove_user", "open", "claim", "people",
        "start", "callback", "admin_password_sent", "admin_password_changed", "document_file", "print_file", "print_progress", "label_progress",
        "imports_export_file", "imports_export_progress", "api-root", "openapi-json", "list_jobs", "list_orders", "list_prices",
        "list_products", "list_shipments", "list_skus", "list_stock", "list_stores", "list_warehouses", "read_order",
        "read_product", "read_shipment", "read_parcel",
    }  # fmt: skip
    closed = {
        name
        for name in names
        if name.endswith(("_add", "_change", "_delete")) and name.count("_") == 2 and not allows_form(name)
    }

    assert names - known - gets - closed == set()


def allows_form(name: str) -> bool:
    """Whether a form of Django's is open to anybody: some lists refuse to add, change or delete."""
    from django.contrib.admin import site
    from django.test import RequestFactory

    app, model, what = name.split("_", 2)
    admin_class = next(
        a for m, a in site._registry.items() if (m._meta.app_label, m._meta.model_name) == (app, model)
    )
    request = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_active=True, is_staff=True)
    if what == "change" and getattr(admin_class, "object_page", None) is not None:
        return False
    return bool(getattr(admin_class, f"has_{what}_permission")(request))


def test_the_author_of_a_service_is_the_one_who_acts(rows: Rows) -> None:
    from catalogue.services import products, sku_mapping
    from orders.services.rules import store_settings

    store = row(Connection, rows)
    carrier = row(Carrier, rows)
    variant = row(Variant, rows)
    with acting(Author("command", None, "manage.py test")):
        made = products.create_product(title="New", variants=[products.NewVariant(sku="NEW-1")])
        products.edit_product(made, {"title": "Newer"})
        sku_mapping.map_sku(store, "THEIRS", variant, by=current())
        mapped = store.carrier_map.create(name="royal") if hasattr(store, "carrier_map") else None
        if mapped is not None:
            store_settings.map_carriers(connection=store, chosen={mapped.pk: carrier.pk})
    assert current() == SYSTEM

    found = list(AuditEntry.objects.order_by("pk").values_list("author_name", "action"))
    assert ("manage.py test", "added") in found
    assert ("manage.py test", "changed") in found
    assert ("manage.py test", "sku.mapped") in found
    assert {name for name, _action in found} == {"manage.py test"}


def test_moves_and_stock_name_their_author(client: Client, rows: Rows, owner) -> None:
    order = rows.ids["orders.order"]
    client.post(reverse("admin:order_act", args=[order, "note"]), {"text": "seen"})
    item = row(StockItem, rows)
    client.post(
        reverse("admin:stock_adjust"),
        {
            "sku": item.variant.sku,
            "warehouse": item.warehouse_id,
            "how": "receive",
            "quantity": "2",
            "reason": "found",
            "confirmed": "1",
        },
    )

    assert Note.objects.get(order=order).author_id == owner.pk
    assert StockMovement.objects.latest("pk").author_id == owner.pk


def test_a_command_names_itself(rows: Rows, monkeypatch) -> None:
    """Seen from inside a command: who is the author."""
    from oms.kit.management.cli import ManifoldCommand

    class Command(ManifoldCommand):
        has_store = has_dry_run = False

        def run(self, **options: Any) -> int:
            audit.record("store.settings", row(Connection, rows), {"name": ("a", "b")})
            return 0

    call_command(Command())
    entry = AuditEntry.objects.get()
    assert entry.author_kind == "command"
    assert entry.author_name.startswith("manage.py test_audit")


def test_secrets_are_never_in_the_log(rows: Rows, client: Client, owner) -> None:
    store = row(Connection, rows)
    with audit.watch(store, "credentials", what="store.reconnected"):
        store.credentials = {"key": "TOP-SECRET"}
    client.post(reverse("admin:auth_user_add"), NEW_USER)
    client.post(
        reverse("admin:auth_user_password_change", args=[User.objects.get(username="newcomer").pk]), NEW_USER
    )

    text = repr(list(AuditEntry.objects.values()))
    assert "TOP-SECRET" not in text
    assert "md5$" not in text
    assert "plum-tractor" not in text
    assert AuditEntry.objects.filter(action="changed").exists()


def test_the_page_shows_filters_and_exports_the_log(rows: Rows, client: Client, owner) -> None:
    store = row(Connection, rows)
    other = factories.store("Other")
    with acting(Author("person", owner.pk, "boss")):
        audit.record("store.settings", store, {"name": ("Old name", "New name")})
    audit.record("store.paused", other)
    page = reverse("admin:kit_auditentry_changelist")

    text = client.get(page).content.decode()
    assert "Name: Old name → New name" in text
    assert "Store settings changed" in text
    assert "Store: Other" in text
    mine = client.get(page, {"who": "boss"}).content.decode()
    assert "Old name" in mine
    assert "Store: Other" not in mine
    assert "Store: Other" in client.get(page, {"store": other.pk}).content.decode()
    assert "Old name" not in client.get(page, {"what": "store.paused"}).content.decode()
    chosen = {f"auditresource_{name}": "on" for name in ("at", "who", "what", "subject_name", "changes")}
    exported = (
        client.post(reverse("admin:kit_auditentry_export"), {"format": "0", "resource": "0", **chosen})
        .getvalue()
        .decode()
    )
    assert "Name: Old name → New name" in exported
    tab = client.get(reverse("admin:store_history", args=[store.pk])).content.decode()
    assert "Old name → New name" in tab


def test_nobody_changes_the_log(rows: Rows, client: Client, owner) -> None:
    audit.record("store.paused", row(Connection, rows))

    for what in ("add", "change", "delete"):
        assert client.get(f"/admin/settings/audit/1/{what}/").status_code == 404
    client.post(
        reverse("admin:kit_auditentry_changelist"),
        {"action": "delete_selected", "_selected_action": 1, "post": "yes"},
    )
    assert AuditEntry.objects.count() == 1
