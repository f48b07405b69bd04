"""Our own pages inside the admin's frame: address, page, name (as `admin:<name>`)."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.urls import URLPattern

from oms.kit.admin import Page, routes
from oms.screens import desk

PAGES: list[tuple[str, type[Page], str]] = []


def patterns(admin: AdminSite) -> list[URLPattern]:
    return routes(admin, [*PAGES, *desk.PAGES])
