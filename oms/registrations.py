"""What the project registers: its checks, and what must follow every migration."""

from __future__ import annotations

from django.apps import apps
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from oms import checks, health, schedules
from oms.accounts import middleware, roles
from oms.admin import account, api_keys, audit, delete_store, people, system
from oms.kit import doctor
from oms.kit.authors import audit as log
from oms.kit.background import jobs, queue
from oms.upkeep import deleting

__all__ = [
    "account",
    "api_keys",
    "audit",
    "checks",
    "delete_store",
    "people",
    "system",
]  # imported for what they register themselves


def connect() -> None:
    """Register everything; called once, when Django has loaded the apps."""
    doctor.register("storage_is_writable", health.storage_is_writable)
    health.declare_alerts()
    jobs.register(deleting.JOB, deleting.work)
    queue.declare("oms.tasks", "daily")
    log.declare(
        {
            "user.first_owner": _("First account created"),
            "store.deleted": _("Store deleted"),
            "installation.exported": _("Everything exported"),
            "user.second_factor_on": _("Second factor switched on"),
            "user.second_factor_off": _("Second factor switched off"),
            "user.recovery_codes": _("New recovery codes"),
            "user.password": _("Password changed"),
            "user.sessions_ended": _("Sessions signed out"),
        }
    )
    user_logged_in.connect(middleware.begin_session, dispatch_uid="oms.accounts")
    # With other apps as senders: Django sends no signal of migrations for an app without models.
    post_migrate.connect(
        schedules.upsert, sender=apps.get_app_config("django_q"), dispatch_uid="oms.schedules"
    )
    post_migrate.connect(roles.after_migrate, sender=apps.get_app_config("orders"), dispatch_uid="oms.roles")
