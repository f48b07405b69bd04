"""Additions of an upper app to a lower app's page: `@tab` adds a page of its own, `@panel` a card.

    @tab(Connection, "differences", label=_("Differences"), permission="inventory.view_stockdifference", count=open_differences)
    class Differences(StorePage): ...

    @panel(Product, "open_orders", label=_("Open orders"), permission="orders.view_order", template="orders/panel.html")
    def open_orders(request, product):
        return {"orders": [...]}        # None: no card

Declare them in the app's `admin` package: Django imports it before the URLs are built.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponseBase
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from oms.kit.admin.pages import Page

log = logging.getLogger(__name__)

Row = TypeVar("Row", bound=Model)
PageType = TypeVar("PageType", bound=type[Page])
Context = Callable[[HttpRequest, Row], "dict[str, Any] | None"]


@dataclass(frozen=True, slots=True)
class Panel(Generic[Row]):
    """A card on the page of one row of `model`; `context` returns what its template shows, or None."""

    model: type[Row]
    key: str
    label: Any
    permission: str
    template: str
    context: Context[Row]
    position: int


@dataclass(frozen=True, slots=True)
class ViewTab(Generic[Row]):
    """A tab of the page of one row of `model`; `count` is the figure on the tab.

    `off` returns why the tab is off for this row ("" where it is on); `name` is the name of its URL where it has its
    own.
    """

    model: type[Row]
    key: str
    label: Any
    permission: str
    page: type[Page]
    count: Callable[[Row], int | None] | None
    position: int
    off: Callable[[Row], str] | None = None
    name: str = ""

    @property
    def url_name(self) -> str:
        """The name of the page's URL in the namespace of the admin."""
        if self.name:
            return self.name
        options = self.model._meta
        return f"{options.app_label}_{options.model_name}_{self.key}"


@dataclass(frozen=True, slots=True)
class TabLink:
    label: Any
    url: str
    is_current: bool
    count: int | None
    off: str = ""


_panels: dict[type[Model], list[Panel[Any]]] = {}
_tabs: dict[type[Model], list[ViewTab[Any]]] = {}


def panel(
    model: type[Row], key: str, *, label: Any, permission: str, template: str, position: int = 100
) -> Callable[[Context[Row]], Context[Row]]:
    """Add a card to the page of every row of `model`. Raises `ValueError` when another card has the key.

    Only people with `permission` see it; cards are sorted by `position`, then by key.
    """

    def register(context: Context[Row]) -> Context[Row]:
        _add(_panels, Panel(model, key, label, permission, template, context, position))
        return context

    return register


def tab(
    model: type[Row],
    key: str,
    *,
    label: Any,
    permission: str,
    count: Callable[[Row], int | None] | None = None,
    position: int = 100,
    off: Callable[[Row], str] | None = None,
    name: str = "",
) -> Callable[[PageType], PageType]:
    """Add a tab, at `<pk>/<key>/`, to the page of every row of `model`. Raises `ValueError` when another tab has the key.

    `count`, `off` and `name` are those of `ViewTab`.
    """

    def register(page: PageType) -> PageType:
        _add(_tabs, ViewTab(model, key, label, permission, page, count, position, off, name))
        return page

    return register


def _add(registry: dict[type[Model], list[Any]], one: Any) -> None:
    registered = registry.setdefault(one.model, [])
    if any(other.key == one.key for other in registered):
        raise ValueError(f"{one.model.__name__} already has a {type(one).__name__} with the key {one.key}")
    registered.append(one)
    registered.sort(key=lambda other: (other.position, other.key))


def panels_of(request: HttpRequest, row: Model) -> list[SafeString]:
    """Return the cards of this row's page that the person may see, rendered in order.

    A card whose code raises is logged and not shown, so that a fault of one app does not break the page of another.
    """
    shown = []
    for one in _panels.get(type(row), ()):
        if not request.user.has_perm(one.permission):
            continue
        try:
            given = one.context(request, row)
            if given is not None:
                context = {"label": one.label, "row": row, **given}
                shown.append(SafeString(render_to_string(one.template, context, request)))
        except Exception:
            log.exception("panel %s of %s failed", one.key, type(row).__name__)
    return shown


def tabs_of(request: HttpRequest, row: Model, current: str = "") -> list[TabLink]:
    """Return the tabs of this row's page that the person may open, with their counts."""
    return [
        TabLink(
            one.label,
            reverse(f"admin:{one.url_name}", args=[row.pk]),
            one.key == current,
            one.count(row) if one.count else None,
            one.off(row) if one.off else "",
        )
        for one in _tabs.get(type(row), ())
        if request.user.has_perm(one.permission)
    ]


def tab_urls(
    model: type[Model],
    admin_site: AdminSite,
    *,
    permission: str | Sequence[str] | None,
    prefix: str = "<key:pk>/",
) -> list[URLPattern]:
    """Return the URLs of the tabs of `model`, for `get_urls()` of its admin class.

    `permission` is that of the page with the tabs (one of several is enough): a tab needs it **and** its own. None: a
    tab needs its own only.
    """
    wanted = (permission,) if isinstance(permission, str) else permission
    return [
        path(
            f"{prefix}{one.key}/", admin_site.admin_view(_guarded(one, admin_site, wanted)), name=one.url_name
        )
        for one in _tabs.get(model, ())
    ]


def _guarded(
    one: ViewTab[Any], admin_site: AdminSite, wanted: Sequence[str] | None
) -> Callable[..., HttpResponseBase]:
    view = one.page.as_view(admin_site=admin_site)

    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = request.user
        may_open = wanted is None or any(user.has_perm(name) for name in wanted)
        if not may_open or not user.has_perm(one.permission):
            raise PermissionDenied(_("Your role does not allow this."))
        return view(request, *args, **kwargs)

    return guarded
