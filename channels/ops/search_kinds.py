"""What the search box finds of channels: the stores."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from channels.contract.registry import specs
from channels.models import Connection
from oms.kit.search import kinds
from oms.kit.search.kinds import Query, Result, SearchKind
from oms.kit.search.text import is_found, search_text


def find_stores(query: Query, limit: int) -> list[Result]:
    """Return stores by their name, channel or address. There are few: all are read and compared here."""
    stores = Connection.objects.stores().order_by("name").only("name", "channel", "url", "state")
    installed, found = specs(), []
    for store in stores:
        label = str(installed[store.channel].label) if store.channel in installed else store.channel
        if is_found(search_text([store.name, label, store.url]), query.text):
            page = reverse("admin:channels_connection_change", args=[store.pk])
            found.append(Result(store.name, f"{label} · {store.get_state_display()}", page))
    return found[:limit]


def register() -> None:
    """Declare the kind."""
    kinds.register(SearchKind("stores", _("Stores"), "channels.view_connection", find_stores, position=90))
