"""Stores whose credentials cannot be used: no key decrypts them, or they are not in the database at all."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from channels.models import Connection
from channels.models.fields import UnreadableCredentials

SHOWN = 5


def unreadable_stores() -> dict[int, str]:
    """Return id and name of each connected store whose credentials no key of `OMS_CREDENTIAL_KEYS` decrypts."""
    found = {}
    for pk, name in Connection.objects.connected().order_by("name").values_list("pk", "name"):
        try:
            Connection.objects.only("credentials", "webhook_secret").get(pk=pk)
        except UnreadableCredentials:
            found[pk] = name
    return found


def lost_stores() -> list[Connection]:
    """Return the connected stores of a channel with credentials that have none: copied without them (`loaddata`)."""
    stores = Connection.objects.connected().order_by("name")
    return [store for store in stores.exclude(pk__in=list(unreadable_stores())) if store.lacks_credentials]


def unreadable_text(names: Iterable[str]) -> str:
    """Return the sentence for stores whose credentials cannot be decrypted, and what to do."""
    listed = list(names)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return _(
        "No key of OMS_CREDENTIAL_KEYS decrypts the credentials of: %s. Add the key that encrypted them, or follow "
        "“A lost credential key” in docs/operations.md."
    ) % (", ".join(listed[:SHOWN]) + more)
