"""The tables of channels: stores, import schedules, messages, logs."""

from channels.models.alerts import Alert, AlertCheck, AlertNotice, AlertSettings
from channels.models.app_installs import AppInstall
from channels.models.connection import Connection
from channels.models.hooks import HookDelivery, HookSubscription
from channels.models.logs import CallLog, WebhookEvent
from channels.models.outbox import OutboxMessage
from channels.models.reconcile import Difference, DifferenceDay, ReconcileSeen
from channels.models.runtime import (
    AppQuota,
    Budget,
    ConnectionToken,
    ConnectorState,
    HostBeat,
    LaneBeat,
    WakeUp,
)
from channels.models.status_map import StatusMapEntry
from channels.models.sync import RejectedRecord, SyncRun, SyncStream

__all__ = [
    "Alert",
    "AlertCheck",
    "AlertNotice",
    "AlertSettings",
    "AppInstall",
    "AppQuota",
    "Budget",
    "CallLog",
    "Connection",
    "ConnectionToken",
    "ConnectorState",
    "Difference",
    "DifferenceDay",
    "HookDelivery",
    "HookSubscription",
    "HostBeat",
    "LaneBeat",
    "OutboxMessage",
    "ReconcileSeen",
    "RejectedRecord",
    "StatusMapEntry",
    "SyncRun",
    "SyncStream",
    "WakeUp",
    "WebhookEvent",
]
