"""The project as an app, and Django's admin with our site in the place of its own."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig

from oms.kit import app_config


class ManifoldAdminConfig(AdminConfig):
    """`django.contrib.admin` whose `admin.site` is ours, so that every app registers on it."""

    default_site = "oms.admin.site.ManifoldAdminSite"


class OmsConfig(app_config.RegisteringAppConfig):
    name = "oms"
    label = "oms"
    verbose_name = "Manifold OMS"
