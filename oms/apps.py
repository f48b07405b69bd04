"""The project as an app, and Django's admin with our site in the place of its own."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig

from oms.kit.app_config import RegisteringAppConfig


class ManifoldAdminConfig(AdminConfig):
    """`django.contrib.admin` whose `admin.site` is ours, so that every app registers on it."""

    default_site = "oms.admin.ManifoldAdminSite"


class OmsConfig(RegisteringAppConfig):
    name = "oms"
    label = "oms"
    verbose_name = "Manifold OMS"
