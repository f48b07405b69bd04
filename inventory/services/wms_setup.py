"""Connect a warehouse system (WMS), change it, disconnect it. Pausing and read-only are the services of stores."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.models import Connection
from channels.models.fields import Secrets
from channels.stores import services
from inventory import callbacks
from inventory.errors import StockError
from inventory.models import Warehouse
from oms.kit.api import signatures
from oms.kit.authors import audit
from oms.kit.authors.actors import Author
from oms.kit.numbers import is_web_address

CHANNEL = "wms"


class WmsError(StockError):
    """A warehouse system cannot be saved like this; the text is a sentence."""


@transaction.atomic
def connect(
    *, name: str, url: str, secret: str, warehouse_ids: Collection[int], by: Author
) -> tuple[Connection, str]:
    """Connect a WMS that works in these warehouses; return it and its secret (a new one for "").

    It is read-only: nothing is sent to it before a person makes it live. Raises `WmsError`.
    """
    name, url, secret = name.strip(), url.strip(), secret.strip() or signatures.new_secret()
    _check(name, url, secret)
    row = Connection.objects.filter(channel=CHANNEL, fingerprint=url[:200]).first()
    if row is not None and row.state != Connection.State.DISCONNECTED:
        raise WmsError(_("“%s” has this address already.") % row.name)
    row = row or Connection(kind=Connection.Kind.WMS, channel=CHANNEL, fingerprint=url[:200])
    if Connection.objects.filter(name=name).exclude(pk=row.pk).exists():
        raise WmsError(_("There is already a store or a warehouse system with this name."))
    row.name, row.url = name[:120], url[:300]
    row.credentials = Secrets(url=url, secret=secret)
    row.state, row.state_reason, row.state_since = Connection.State.ACTIVE, "", timezone.now()
    row.is_read_only = True
    row.save()
    audit.record("wms.connected", row, by=by)
    _serve(row, warehouse_ids, by)
    return row, secret


@transaction.atomic
def change(
    *,
    connection: Connection,
    name: str,
    url: str,
    warehouse_ids: Collection[int],
    by: Author,
    renew_secret: bool = False,
) -> str:
    """Change a WMS; return its new secret, "" where it was not renewed. One that refused calls is called again.

    The former secret still verifies calls of the WMS, until it is renewed again. Raises `WmsError`.
    """
    row = Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
    if row.state == Connection.State.DISCONNECTED:
        raise WmsError(_("“%s” is disconnected. Connect it again first.") % row.name)
    name, url = name.strip(), url.strip()
    _check(name, url, str(row.credentials.get("secret", "")))
    if Connection.objects.filter(name=name).exclude(pk=row.pk).exists():
        raise WmsError(_("There is already a store or a warehouse system with this name."))
    others = Connection.objects.filter(channel=CHANNEL, fingerprint=url[:200]).exclude(pk=row.pk)
    if others.exists():
        raise WmsError(_("Another warehouse system has this address already."))
    new = signatures.new_secret() if renew_secret else ""
    with audit.watch(row, "name", "url", "credentials", "state", what="wms.changed", by=by):
        if row.state == Connection.State.NEEDS_SELLER:  # a person has looked: it is called again
            row.state, row.state_reason, row.state_since = Connection.State.ACTIVE, "", timezone.now()
        row.name, row.url, row.fingerprint = name[:120], url[:300], url[:200]
        stored = {**row.credentials, "url": url}
        if new:
            stored |= {"secret": new, "old_secret": row.credentials.get("secret", "")}
        row.credentials = Secrets(stored)
        names = "name url fingerprint credentials state state_reason state_since"
        row.save(update_fields=names.split())
    _serve(row, warehouse_ids, by)
    return new


@transaction.atomic
def disconnect(*, connection: Connection, by: Author) -> None:
    """Disconnect a WMS: its warehouses have none, and staff work on its shipments again.

    Recalls that it has not answered count as agreed, because no answer will come.
    """
    callbacks.wms_ended(connection.pk)
    Warehouse.objects.filter(wms=connection).update(wms=None)
    services.disconnect(connection=connection, reason=_("Disconnected by %s.") % by.label)


def _check(name: str, url: str, secret: str) -> None:
    if not name:
        raise WmsError(_("Enter a name."))
    if not is_web_address(url) or len(url) > 200:
        raise WmsError(_("The address must begin with https:// and have at most 200 characters."))
    try:
        signatures.key_of(secret)
    except ValueError:
        raise WmsError(_("The secret must begin with whsec_ and have 24 to 64 bytes in base64.")) from None


def _serve(connection: Connection, warehouse_ids: Collection[int], by: Author) -> None:
    """Set the warehouses in which a WMS works. Raises `WmsError` for one that has another WMS."""
    chosen = Warehouse.objects.select_related("wms").select_for_update(of=("self",))
    wanted = {row.pk: row for row in chosen.filter(pk__in=list(warehouse_ids)).order_by("pk")}
    for row in wanted.values():
        if row.wms is not None and row.wms_id != connection.pk:
            raise WmsError(
                _("%(warehouse)s has the warehouse system “%(wms)s” already.")
                % {"warehouse": row.name, "wms": row.wms.name}
            )
    before = sorted(connection.warehouses.values_list("name", flat=True))
    connection.warehouses.exclude(pk__in=wanted).update(wms=None)
    Warehouse.objects.filter(pk__in=wanted).update(wms=connection)
    after = sorted(row.name for row in wanted.values())
    if before != after:
        audit.record("wms.warehouses", connection, {"warehouses": (before, after)}, by=by)
