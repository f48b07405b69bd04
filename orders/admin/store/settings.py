"""The order settings of a store (a card of its settings), and the orders in its first sync report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.db.models import Count
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from channels.admin.store import report, settings
from channels.models import Connection
from oms.kit.models import Problem
from oms.kit.problems import code_of
from orders.errors import OrderError
from orders.models import Order, OrderSettings
from orders.services.rules import store_settings


class OrdersForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = OrderSettings
        fields = (
            "auto_release",
            "default_carrier",
            "unpaid_hold_hours",
            "action_window_days",
            "ship_within_hours",
            "require_tracking",
            "routing",
            "has_pick_step",
            "weight_tolerance",
            "last_look",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["routing"].required = False  # empty means: by priority
        self.fields["last_look"].required = False  # empty means: ask and warn


def orders_form(store: Connection, data: Any) -> OrdersForm:
    """Return the form of the order settings of a store."""
    row = OrderSettings.objects.filter(connection=store).first() or OrderSettings(connection=store)
    return OrdersForm(data, instance=row, prefix="orders")


def save_orders(store: Connection, values: Mapping[str, Any]) -> object:
    """Save the order settings of a store. Raises `OrderError`."""
    return store_settings.set_order_settings(connection=store, **values)


settings.add(
    settings.SettingsCard(
        "orders", lambda store: _("Orders"), orders_form, save_orders, (OrderError,), position=10
    )
)


@report.figures(position=20)
def imported(store: Connection) -> Iterable[report.Figure]:
    """Count the orders of the store."""
    url = f"{reverse('admin:orders_order_changelist')}?{urlencode({'store': store.pk})}"
    yield report.Figure(Order.objects.filter(connection=store).count(), _("orders"), url)


def fix_url(code: str) -> str:
    """Return the address of the page that resolves a problem; "" where its code has none, or none in this installation."""
    try:
        return reverse(code_of(code).fix) if code_of(code).fix else ""
    except NoReverseMatch:
        return ""


@report.findings(position=10)
def problems(store: Connection) -> Iterable[report.Finding]:
    """Count the open problems of the store by code, the most frequent first, each with the page that resolves it."""
    rows = (
        Problem.objects.filter(connection_id=store.pk, resolved_at=None)
        .order_by()
        .values_list("code", "subject_kind")
    )
    query = urlencode({"store": store.pk})
    skus = f"{reverse('admin:sku_inbox')}?{query}"
    orders = f"{reverse('admin:orders_order_changelist')}?{urlencode({'tab': 'problem', 'store': store.pk})}"
    for code, kind, count in rows.annotate(n=Count("pk")).order_by("-n"):
        url = fix_url(code) or (orders if kind == "order" and code != "unknown_sku" else skus)
        yield report.Finding(count, code_of(code).title, "", url, _("View"))
