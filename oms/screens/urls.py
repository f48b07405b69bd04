"""Pages inside the admin's frame that no admin class owns yet."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.urls import URLPattern

from oms.kit.admin.pages import routes
from oms.kit.search import page as search_page
from oms.screens import desk


def patterns(admin: AdminSite) -> list[URLPattern]:
    """Return the addresses of these pages, for `get_urls()` of the site."""
    return [*routes(admin, desk.PAGES), *search_page.patterns(admin)]
