"""The project as an app, and Django's admin with our site in the place of its own."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate


class ManifoldAdminConfig(AdminConfig):
    """`django.contrib.admin` whose `admin.site` is ours, so that every app registers on it."""

    default_site = "oms.admin.ManifoldAdminSite"


class OmsConfig(AppConfig):
    name = "oms"
    label = "oms"
    verbose_name = "Manifold OMS"

    def ready(self) -> None:
        from oms import checks, schedules  # noqa: F401  (checks register themselves)
        from oms.screens import people, roles  # noqa: F401  (users and roles in our look)

        # Not `self`: an app without models is not told of migrations.
        queue = self.apps.get_app_config("django_q") if self.apps else None
        post_migrate.connect(schedules.upsert, sender=queue, dispatch_uid="oms.schedules")
        orders = self.apps.get_app_config("orders") if self.apps else None
        post_migrate.connect(roles.after_migrate, sender=orders, dispatch_uid="oms.roles")
