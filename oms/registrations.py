"""What the project registers: its checks, and what must follow every migration."""

from __future__ import annotations

from django.apps import apps
from django.db.models.signals import post_migrate

from oms import checks, health, schedules
from oms.admin import people, roles
from oms.kit import doctor

__all__ = ["checks", "people"]  # imported for what they register themselves


def connect() -> None:
    """Register everything; called once, when Django has loaded the apps."""
    doctor.register("storage_is_writable", health.storage_is_writable)
    # With other apps as senders: an app without models is not told of migrations.
    post_migrate.connect(
        schedules.upsert, sender=apps.get_app_config("django_q"), dispatch_uid="oms.schedules"
    )
    post_migrate.connect(roles.after_migrate, sender=apps.get_app_config("orders"), dispatch_uid="oms.roles")
