"""Every table is known: it keeps its size, is kept for ever for a reason, or old rows are deleted, by an index (docs/scaling.md)."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.apps import apps
from django.utils import timezone
from django_q.models import Task

from channels.workers import failed_tasks
from oms.accounts import throttle

ROOT = Path(__file__).resolve().parent.parent

#: Old rows are deleted: model -> the function that does it, and the index or indexed field by which it finds them ("": few rows).
DELETED = {
    "axes.AccessAttempt": ("oms.accounts.throttle.prune", ""),
    "axes.AccessFailureLog": ("oms.accounts.throttle.prune", ""),
    "axes.AccessLog": ("oms.accounts.throttle.prune", ""),
    "django_q.Task": ("channels.workers.failed_tasks.prune", ""),
    "kit.Job": ("oms.kit.background.jobs.prune", "job_ended"),
    "kit.UserSession": ("oms.accounts.sessions.SessionStore.clear_expired", "expire_date"),
    "kit.UsedForm": ("oms.kit.admin.pages.prune_tokens", "at"),
    "api.StoredAnswer": ("oms.kit.api.keys.prune", "at"),
    "imports.StagedRow": ("oms.kit.imports.services.prune", ""),
    "channels.Alert": ("channels.ops.alerts.checks.prune", "ended_at"),
    "channels.AlertNotice": ("channels.ops.alerts.checks.prune", "alert"),
    "channels.HookDelivery": ("channels.ops.hooks.collecting.prune", "occurred_at"),
    "channels.WebhookEvent": ("channels.stores.webhooks.prune", "webhook_handled"),
    "channels.CallLog": ("channels.http.call_log.prune", "call_at"),
    "channels.OutboxMessage": ("channels.push.retention.prune", "outbox_sent"),
    "channels.SyncRun": ("channels.ops.retention.prune", "run_ended"),
    "channels.RejectedRecord": ("channels.ops.retention.prune", ""),
    "channels.Difference": ("channels.reconcile.differences.prune", "closed_at"),
    "channels.DifferenceDay": ("channels.reconcile.differences.prune", ""),
    "channels.WakeUp": ("channels.tasks._housekeeping", ""),
    "channels.HostBeat": ("channels.workers.hosts.prune", ""),
    "inventory.Exposure": ("inventory.services.exposure.prune", "ended_at"),
    "orders.NativeOrder": ("orders.ops.retention.retain", ""),
}
#: Kept for ever: money or stock hangs on them, or they say who did what.
FOR_EVER = set(
    """
    kit.AuditEntry admin.LogEntry imports.SheetImport imports.ChangeSet
    inventory.StockMovement inventory.CostChange inventory.Delivery inventory.DeliveryLine inventory.StockCount
    inventory.StockCountLine inventory.Transfer inventory.TransferLine
    orders.Order orders.OrderLine orders.Allocation orders.Hold orders.OrderEvent orders.Note orders.Manifest orders.ChannelCheck orders.CloseOut
    orders.PickWave orders.WaveTote orders.Shipment
    orders.ShipmentLine orders.Document orders.Handover orders.WmsEvent orders.LabelPurchase orders.Parcel orders.ParcelEvent
    orders.Return orders.ReturnLine orders.RuleApplication orders.OrderSearch
    orders.ReportDay orders.DayFigures orders.SkuFigures orders.WarehouseFigures
    """.split()
)
#: As large as the catalogue, the stores, the people or the work that is open: their size does not grow with time.
BOUNDED = set(
    """
    auth.Permission auth.Group auth.User contenttypes.ContentType sessions.Session django_q.Schedule django_q.OrmQ
    axes.AccessAttemptExpiration otp_totp.TOTPDevice otp_static.StaticDevice otp_static.StaticToken
    kit.PersonSettings kit.Problem kit.SecurityPolicy kit.ListView imports.ColumnMapping api.ApiKey
    channels.AlertCheck channels.AlertSettings channels.AppInstall channels.Connection channels.HookSubscription
    channels.ReconcileSeen channels.Budget channels.ConnectionToken channels.AppQuota channels.ConnectorState
    channels.LaneBeat channels.StatusMapEntry channels.SyncStream
    catalogue.ProductCategory catalogue.CategoryMapping catalogue.ListingDefaults catalogue.Brand catalogue.Category
    catalogue.Attribute catalogue.Product catalogue.Variant catalogue.ProductImage catalogue.KitComponent catalogue.Listing
    catalogue.ListingVariant catalogue.SkuAlias catalogue.SkuMerge catalogue.PictureCopy catalogue.SkuDecision
    inventory.Warehouse inventory.WarehouseMapping inventory.StockItem inventory.OpeningStock inventory.StockPolicy
    inventory.StockDifference inventory.Supplier inventory.SupplierSku
    orders.BlockedBuyer orders.Carrier orders.CarrierMap orders.NumberSeries orders.DocumentSettings orders.CarrierAccount
    orders.CarrierRule orders.PackingSession orders.ReportState orders.OrderRule orders.RuleState orders.OrderSettings
    """.split()
)


def models() -> dict[str, Any]:
    return {model._meta.label: model for model in apps.get_models() if not model._meta.proxy}


def test_every_table_has_its_retention_or_a_reason_to_have_none():
    groups = [set(DELETED), FOR_EVER, BOUNDED]
    unknown = {label for label in models() if not any(label in group for group in groups)}
    assert unknown == set(), (
        "say in tests/test_retention.py and docs/scaling.md what becomes of their old rows"
    )
    assert sum(map(len, groups)) == len(set.union(*groups)), "a table is in one group"
    assert {label for group in groups for label in group} - set(models()) == set(), "these tables are gone"


def function(path: str) -> Callable[..., Any]:
    names = path.split(".")
    for end in range(len(names) - 1, 0, -1):
        try:
            found: Any = import_module(".".join(names[:end]))
        except ModuleNotFoundError:
            continue
        for name in names[end:]:
            found = getattr(found, name)
        return found
    raise AssertionError(path)


@pytest.mark.parametrize("label", sorted(DELETED))
def test_what_deletes_a_table_exists_and_finds_old_rows_by_an_index(label: str):
    path, index = DELETED[label]
    assert callable(function(path))
    if not index:
        return
    model = models()[label]
    names = {one.name for one in model._meta.indexes}
    first = {one.fields[0].lstrip("-") for one in model._meta.indexes if one.fields}
    fields = {field.name for field in model._meta.fields if field.db_index or field.unique}
    assert index in names | first | fields, sorted(names | first | fields)


def test_every_deletion_is_called_by_a_schedule():
    """The daily task, the housekeeping of a lane's tick, or a registered sweep names its function."""
    sources = [
        "oms/tasks.py",
        "channels/tasks.py",
        "channels/registrations.py",
        "inventory/registrations.py",
        "orders/registrations.py",
    ]
    called: set[str] = set()
    for source in sources:
        for node in ast.walk(ast.parse((ROOT / source).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                called.add(node.attr)
    missing = {path.rpartition(".")[2] for path, _index in DELETED.values()} - called - {"_housekeeping"}
    assert missing == set()


def test_the_table_of_the_docs_names_each_table_that_grows():
    text = (ROOT / "docs/scaling.md").read_text(encoding="utf-8")
    table = text.partition("## What grows, and how long it is kept")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([a-z_]+\.[A-Z]\w+)`", table))
    assert named == set(DELETED) | FOR_EVER


@pytest.mark.django_db
def test_old_sign_ins_and_failed_tasks_are_deleted_and_new_ones_stay():
    now = timezone.now()
    for model, more in (
        (AccessAttempt, {"failures_since_start": 1}),
        (AccessFailureLog, {}),
        (AccessLog, {}),
    ):
        for days in (91, 89):
            row = model.objects.create(
                user_agent="x", username=f"u{days}", ip_address="10.0.0.1", path_info="/", **more
            )
            model.objects.filter(pk=row.pk).update(attempt_time=now - timedelta(days=days))
    for days in (31, 29):
        at = now - timedelta(days=days)
        Task.objects.create(id=f"t{days}", name="x", func="x", started=at, stopped=at, success=False)
    assert throttle.prune() == 3
    assert failed_tasks.prune() == 1
    for model in (AccessAttempt, AccessFailureLog, AccessLog):
        assert model.objects.values_list("username", flat=True).get() == "u89"
    assert Task.objects.values_list("id", flat=True).get() == "t29"
    assert (throttle.prune(), failed_tasks.prune()) == (0, 0)
