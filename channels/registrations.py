"""Registrations of channels with the kit and the queue: sinks, jobs, sweeps, checks."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django_q.signals import post_execute_in_worker, post_spawn, pre_execute

from channels import tasks
from channels.api import stores as stores_api
from channels.contract.spec import Lane, Stream
from channels.ops import doctor_checks, search_kinds
from channels.ops.alerts import causes as alert_causes
from channels.ops.alerts import sweeps as alert_sweeps
from channels.ops.hooks import collecting as hook_collecting
from channels.ops.hooks import sources as hook_sources
from channels.pull import streams
from channels.push import retention
from channels.reconcile import repairs, runs, schedule
from channels.stores import first_sync, pull_jobs, push_jobs, remote_options, status_map
from channels.stores.health import health_text
from channels.workers import enqueue, failed_tasks, heartbeat
from oms.kit.api import site
from oms.kit.authors import audit
from oms.kit.background import jobs, queue


def connect() -> None:
    """Register everything; called once, when Django has loaded the apps."""
    streams.register_sink(Stream.STATUSES, status_map.store_statuses)
    jobs.register(pull_jobs.KIND, pull_jobs.step)
    jobs.register(push_jobs.KIND, push_jobs.step)
    jobs.register(first_sync.KIND, first_sync.step)
    jobs.register(runs.KIND, runs.step)
    jobs.register(repairs.JOB, repairs.step)
    jobs.on_start(enqueue.enqueue_job)
    queue.declare(
        "channels.tasks",
        "beat",
        "tick",
        "sweep",
        "wake",
        "resume",
        "take_over",
        "pull",
        "drain",
        "work",
        "handle_webhooks",
        "send_alerts",
        "send_hooks",
    )
    audit.declare(
        {
            "store.connected": _("Store connected"),
            "store.reconnected": _("Store reconnected"),
            "store.disconnected": _("Store disconnected"),
            "store.credentials_lost": _("Unreadable credentials deleted"),
            "store.paused": _("Store paused"),
            "store.resumed": _("Sync resumed"),
            "store.read_only": _("Store made read-only"),
            "store.live": _("Store made live"),
            "store.settings": _("Store settings changed"),
            "store.schedule": _("Import schedule changed"),
            "store.import_started": _("Import started"),
            "store.status_map": _("Status map changed"),
            "store.send_stock": _("Sync Stock started"),
            "store.send_price": _("Sync Prices started"),
            "message.sent": _("Held message sent"),
            "message.skipped": _("Message skipped"),
            "message.retried": _("Message retried"),
            "record.retried": _("Rejected record retried"),
            "job.started": _("Job started"),
            "job.cancelled": _("Job cancelled"),
            "alerts.settings": _("Alert settings changed"),
            "hook.created": _("Outgoing webhook created"),
            "hook.changed": _("Outgoing webhook changed"),
            "hook.secret": _("Secret of an outgoing webhook renewed"),
            "hook.on": _("Outgoing webhook switched on"),
            "hook.off": _("Outgoing webhook switched off"),
            "hook.deleted": _("Outgoing webhook deleted"),
            "hook.replayed": _("Deliveries sent again"),
            "difference.kept": _("Difference kept"),
            "difference.repaired": _("Difference repaired"),
            "store.reconcile_rules": _("Rules for differences changed"),
        }
    )
    tasks.register_sweep(Lane.DEFAULT, remote_options.sweep, retention.prune)
    tasks.register_sweep(Lane.DEFAULT, schedule.compare_all_stored, schedule.reconcile_all)
    health_text.register_open_work("failed", health_text.failed_messages, health_text.failed_words)
    health_text.register_open_work("rejected", health_text.rejected_records, health_text.rejected_words)
    alert_causes.declare()
    hook_sources.declare()
    tasks.register_sweep(Lane.DEFAULT, hook_collecting.collect, hook_collecting.prune)
    tasks.register_sweep(Lane.DEFAULT, alert_sweeps.sweep)
    tasks.register_sweep(Lane.ORDERS, alert_sweeps.sweep_orders)
    tasks.register_sweep(Lane.STOCK, alert_sweeps.sweep_stock)
    doctor_checks.register_checks()
    site.add(stores_api.STORES, stores_api.JOBS)
    search_kinds.register()
    post_spawn.connect(heartbeat.start, dispatch_uid="channels.workers.enqueue")
    pre_execute.connect(failed_tasks.note_start, dispatch_uid="channels.workers.failed_tasks")
    post_execute_in_worker.connect(failed_tasks.note_end, dispatch_uid="channels.workers.failed_tasks")
