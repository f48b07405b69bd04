"""The admin site: our menu, our Home, and the pages of every app in one frame."""

from __future__ import annotations

from functools import wraps
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import Resolver404, URLPattern, URLResolver, include, path, resolve, reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _

from oms.accounts import first_run
from oms.admin.home import Home
from oms.admin.menu import forget_counts, menu_for
from oms.kit.admin import pages
from oms.kit.admin.base import AdminSite, ModelAdmin
from oms.kit.admin.pictures import serve

ICON = b'class="material-symbols-outlined'


def hide_icons(response: HttpResponse) -> HttpResponse:
    """Mark the theme's icons as hidden from screen readers: their text ("dock_to_right") is no word.

    The theme writes them in many templates; one replacement over the page corrects all of them.
    """
    if not response.streaming and ICON in response.content:
        response.content = response.content.replace(ICON, b'aria-hidden="true" ' + ICON)
    return response


def page_above(path: str) -> str:
    """Return the nearest address above `path` that is a page: "…/orders/order/7/" for "…/orders/order/7/do/note/"."""
    while path.count("/") > 2:
        path = path.rstrip("/").rpartition("/")[0] + "/"
        try:
            match = resolve(path)
        except Resolver404:
            continue
        if match.url_name and not match.url_name.endswith(("_job", "_set")):
            return path
    return reverse("admin:index")


class ManifoldAdminSite(AdminSite):
    """Django's default admin site (`oms.apps.ManifoldAdminConfig`).

    It imports no admin class: they register themselves on it, and pages of another shape by `oms.kit.admin.pages.add`.
    """

    site_title = "Manifold OMS"
    site_header = "Manifold OMS"
    index_title = _("Home")

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register an admin class that is built on `oms.kit.admin.base.ModelAdmin`; ignore every other.

        Libraries (django-q2, axes, django-otp, Django's own users) register raw pages that change rows without our
        rules: one of them could run any function of the server (F-30). What the product shows, it declares itself.
        """
        if admin_class is not None and issubclass(admin_class, ModelAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def get_urls(self) -> list[Any]:
        """Return the addresses of the pages without an admin class, then of the admin classes.

        A class that names an `address` is found there and not at `<app>/<model>/`.
        """
        found: list[URLPattern | URLResolver] = [
            # Not through this class's `admin_view`: it looks into each page.
            path(
                "pictures/<slug:key>-<key:size>.webp",
                super().admin_view(serve, cacheable=True),
                name="picture",
            ),
            *pages.routes(self, pages.added()),
        ]
        elsewhere: dict[str, Any] = {
            f"{model._meta.app_label}/{model._meta.model_name}/": model_admin
            for model, model_admin in self._registry.items()
            if getattr(model_admin, "address", "")
        }
        for pattern in super().get_urls():
            model_admin = elsewhere.get(str(pattern.pattern))
            found.append(path(model_admin.address, include(model_admin.urls)) if model_admin else pattern)
        return found

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """Return Django's list of apps when something reads it: the frame shows our menu in its place, so no page does."""
        return SimpleLazyObject(lambda: super(ManifoldAdminSite, self).get_app_list(request, app_label))

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return what the frame shows: the menu of this person, and which entry is open."""
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
        """Show Home."""
        return Home.as_view(admin_site=self)(request)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show the sign-in page; who wanted a page while nobody has an account comes to the first-run page."""
        if request.method == "GET" and request.GET.get("next") and first_run.is_needed():
            return HttpResponseRedirect(reverse("first_run"))
        return super().login(request, {"title": _("Sign in"), **(extra_context or {})})

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show the page where people change their own password."""
        return super().password_change(request, {"title": _("Change password"), **(extra_context or {})})

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Return the view behind the sign-in check, with the theme's icons hidden from screen readers.

        GET on an address that only takes forms leads to the page above it.
        After a form was sent, the figures of the menu are counted again.
        """
        inner = super().admin_view(view, cacheable)

        @wraps(inner)
        def quiet(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            response = inner(request, *args, **kwargs)
            if request.method == "GET" and response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
                # The address of a form: after a new sign-in a person comes here with GET.
                return HttpResponseRedirect(page_above(request.path))
            if request.method == "POST":
                forget_counts()
            if isinstance(response, TemplateResponse):
                response.add_post_render_callback(hide_icons)
            return response

        return quiet
