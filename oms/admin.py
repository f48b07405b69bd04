"""The admin site of the house."""

from __future__ import annotations

from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, include, path
from django.utils.translation import gettext_lazy as _

from oms.kit.admin.base import AdminSite

ICON = b'class="material-symbols-outlined'


def hide_icons(response: HttpResponse) -> HttpResponse:
    """Keep the theme's icons from being read aloud: their ligature text ("dock_to_right") is no word.

    The theme writes them in dozens of templates; one pass over the page mends all of them.
    """
    if not response.streaming and ICON in response.content:
        response.content = response.content.replace(ICON, b'aria-hidden="true" ' + ICON)
    return response


class ManifoldAdminSite(AdminSite):
    """Django's default admin site (`oms.apps.ManifoldAdminConfig`): our menu, our Home, our own pages beside it."""

    site_title = "Manifold OMS"
    site_header = "Manifold OMS"
    index_title = _("Home")

    def get_urls(self) -> list[Any]:
        from oms.screens import urls  # here, because pages import every app

        found: list[URLPattern | URLResolver] = [*urls.patterns(self)]
        elsewhere: dict[str, Any] = {
            f"{model._meta.app_label}/{model._meta.model_name}/": model_admin
            for model, model_admin in self._registry.items()
            if getattr(model_admin, "address", "")
        }
        for pattern in super().get_urls():
            model_admin = elsewhere.get(str(pattern.pattern))
            found.append(path(model_admin.address, include(model_admin.urls)) if model_admin else pattern)
        return found

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        from oms.screens.menu import menu_for

        context: dict[str, Any] = super().each_context(request)
        context["menu"] = menu_for(request) if self.has_permission(request) else []
        here = (
            (group["title"], entry["title"])
            for group in context["menu"]
            for entry in group["entries"]
            if entry["is_current"]
        )
        context["menu_here"], context["menu_entry"] = next(here, ("", ""))
        return context

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        from oms.screens.home import Home

        return Home.as_view(admin_site=self)(request)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        inner = super().admin_view(view, cacheable)

        @wraps(inner)
        def quiet(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            response = inner(request, *args, **kwargs)
            if isinstance(response, TemplateResponse):
                response.add_post_render_callback(hide_icons)
            return response

        return quiet
