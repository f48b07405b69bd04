"""The admin site of the house."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, URLResolver
from django.utils.translation import gettext_lazy as _

from oms.kit.admin import AdminSite


class ManifoldAdminSite(AdminSite):
    """Django's default admin site (`oms.apps.ManifoldAdminConfig`): our menu, our Home, our own pages beside it."""

    site_title = "Manifold OMS"
    site_header = "Manifold OMS"
    index_title = _("Home")

    def get_urls(self) -> list[Any]:
        from oms.screens import urls  # here, because pages import every app

        found: list[URLPattern | URLResolver] = [*urls.patterns(self), *super().get_urls()]
        return found
