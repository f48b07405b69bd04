"""The admin site of the house."""

from __future__ import annotations

from unfold.sites import UnfoldAdminSite


class ManifoldAdminSite(UnfoldAdminSite):
    """Django's default admin site (`oms.apps.ManifoldAdminConfig`)."""
