"""Create, revoke and find API keys."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Value, When
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from oms.kit.api.models import ApiKey, StoredAnswer
from oms.kit.authors import audit
from oms.kit.authors.actors import Author

READ, WRITE = "read", "write"

#: Scope -> its label, and the permissions that a person needs to create a key with it.
SCOPES: Mapping[str, tuple[Any, tuple[str, ...]]] = {
    "orders:read": (gettext_lazy("See orders and buyers"), ("orders.view_order",)),
    "orders:write": (
        gettext_lazy("Make moves of orders: release, pack, ready to ship, cancel"),
        ("orders.work_order", "orders.ship_order"),
    ),
    "catalogue:read": (gettext_lazy("See products and prices"), ("catalogue.view_product",)),
    "stock:read": (gettext_lazy("See stock and warehouses"), ("inventory.view_stockitem",)),
    "stock:write": (gettext_lazy("Adjust and count stock"), ("inventory.change_stockitem",)),
    "stores:read": (gettext_lazy("See stores and their health"), ("channels.view_connection",)),
    "jobs:read": (gettext_lazy("See jobs"), ("kit.view_job",)),
    "wms:read": (
        gettext_lazy("Warehouse system: read shipments, labels and products"),
        ("orders.view_order", "catalogue.view_product"),
    ),
    "wms:write": (
        gettext_lazy("Warehouse system: report picking, shipping and stock"),
        ("orders.ship_order", "inventory.change_stockitem"),
    ),
}

PREFIX = "mnf_"
ANSWERS_KEPT = timedelta(days=7)


class KeyRefused(Exception):
    """A key cannot be created; the text is a sentence."""


def permissions_for(scopes: Iterable[str]) -> set[str]:
    """Return the permissions that a person needs to create a key with these scopes."""
    return {name for scope in scopes if scope in SCOPES for name in SCOPES[scope][1]}


def digest_of(token: str) -> str:
    """Return what is stored of a key: its SHA-256. A key has 192 random bits, so no slow hash is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def create(
    *,
    name: str,
    scopes: Collection[str],
    by: Author,
    expires_at: datetime | None = None,
    warehouse_id: int | None = None,
) -> tuple[ApiKey, str]:
    """Create a key; return its row and the key itself, which nobody can read again.

    Raises `KeyRefused` for a name that is empty or taken, no or unknown scopes, and an end in the past.
    """
    name = name.strip()
    if not name:
        raise KeyRefused(_("Enter a name."))
    if ApiKey.objects.filter(name=name).exists():
        raise KeyRefused(_("There is already a key with this name."))
    if not scopes or not set(scopes) <= set(SCOPES):
        raise KeyRefused(_("Choose what the key may do."))
    if expires_at is not None and expires_at <= timezone.now():
        raise KeyRefused(_("The end of the key is in the past."))
    if warehouse_id is None and any(scope.startswith("wms:") for scope in scopes):
        raise KeyRefused(_("A key of a warehouse system needs its warehouse."))
    if warehouse_id is not None and not all(scope.startswith(("wms:", "stock:")) for scope in scopes):
        raise KeyRefused(_("A key of one warehouse can only have the scopes of stock and warehouse systems."))
    token = PREFIX + secrets.token_hex(24)
    key = ApiKey.objects.create(
        name=name[:50],
        hint=token[: len(PREFIX) + 6],
        digest=digest_of(token),
        scopes=sorted(scopes),
        warehouse_id=warehouse_id,
        expires_at=expires_at,
        created_by_id=by.user_id,
    )
    audit.record("api_key.created", key, {"scopes": (None, ", ".join(key.scopes))}, by=by)
    return key, token


@transaction.atomic
def revoke(*, key: ApiKey, by: Author) -> None:
    """Revoke a key: from now on its calls are refused. A revoked key stays so."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
        audit.record("api_key.revoked", key, by=by)


def find(token: str) -> ApiKey | None:
    """Return the key with this text, if it is neither revoked nor expired; else None."""
    if not token.startswith(PREFIX) or len(token) > 100:
        return None
    key = ApiKey.objects.filter(digest=digest_of(token), revoked_at=None).first()
    return None if key is None or key.is_expired else key


def count_call(key: ApiKey, address: str) -> int:
    """Count a call of a key and its time of last use; return how many calls it has made in the present minute.

    The count is in the database, so that it holds for all web processes together.
    """
    now = timezone.now()
    minute = int(now.timestamp()) // 60
    rows = ApiKey.objects.filter(pk=key.pk)
    rows.update(
        calls=Case(When(minute=minute, then=F("calls") + 1), default=Value(1)),
        minute=minute,
        last_used_at=now,
        last_used_from=address[:45],
    )
    return rows.values_list("calls", flat=True).get()


def limit() -> int:
    """Return how many calls a key may make in a minute."""
    return int(settings.OMS_API_CALLS_PER_MINUTE)


def prune(most: int = 5000) -> int:
    """Delete stored answers that are older than 7 days, at most so many; return how many."""
    old = StoredAnswer.objects.filter(at__lt=timezone.now() - ANSWERS_KEPT).order_by("at")
    ids = list(old.values_list("pk", flat=True)[:most])
    return StoredAnswer.objects.filter(pk__in=ids).delete()[0] if ids else 0
