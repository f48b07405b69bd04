"""Create and edit carriers."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from oms.kit.authors import audit
from oms.kit.authors.actors import Author
from oms.kit.numbers import is_web_address
from orders.domain.carriers import carrier_key
from orders.errors import OrderError
from orders.models import Carrier


@transaction.atomic
def save_carrier(*, name: str, tracking_url: str = "", by: Author) -> Carrier:
    """Create a carrier by hand, or update and activate the one with this name (R-SHIP-01).

    `tracking_url` may contain `{number}`. Raises `OrderError` without a name, or for an address that is not http(s).
    """
    if not name.strip():
        raise OrderError(_("A carrier needs a name."))
    if tracking_url and not is_web_address(tracking_url.strip()):
        raise OrderError(_("The tracking link must begin with https://."))
    carrier, made = Carrier.objects.get_or_create(
        key=carrier_key(name), defaults={"name": name.strip()[:120]}
    )
    before = audit.snapshot(carrier, ("tracking_url", "is_own", "is_active"))
    if tracking_url:
        carrier.tracking_url = tracking_url.strip()
    carrier.is_own = carrier.is_active = True
    carrier.save()
    changes = audit.difference(before, audit.snapshot(carrier, ("tracking_url", "is_own", "is_active")))
    if made or changes:
        audit.record("added" if made else "changed", carrier, changes, by=by)
    return carrier
