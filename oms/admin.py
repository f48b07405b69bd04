"""The admin site of the house."""

from __future__ import annotations

from oms.kit.admin import AdminSite


class ManifoldAdminSite(AdminSite):
    """Django's default admin site (`oms.apps.ManifoldAdminConfig`)."""
