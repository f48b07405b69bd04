"""Block a buyer: new orders of the buyer are put on hold when they arrive, from any store (`orders.inbound.orders`)."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from oms.kit.authors import audit
from oms.kit.authors.actors import Author
from orders.domain.buyer_keys import key_hash
from orders.errors import OrderError
from orders.models import BlockedBuyer, Order
from orders.services.buyers.lookup import keys_of


def block_of(order: Order) -> BlockedBuyer | None:
    """Return why the buyer of an order is blocked; None when the buyer is not."""
    hashes = [key_hash(key) for key in keys_of(order)]
    return BlockedBuyer.objects.select_related("author").filter(key__in=hashes).order_by("pk").first()


@transaction.atomic
def block(order: Order, *, reason: str, by: Author) -> int:
    """Block the buyer of an order, by e-mail address and phone; return how many keys were added.

    The orders that exist are not changed. Raises `OrderError` without a reason, and for an order without a buyer.
    """
    if not reason.strip():
        raise OrderError(_("Enter the reason. It is shown on each order that is held."))
    keys = keys_of(order)
    if not keys:
        raise OrderError(_("This order has no e-mail address, phone number or address to block."))
    count = 0
    for key in keys:
        _row, is_new = BlockedBuyer.objects.update_or_create(
            key=key_hash(key), defaults={"reason": reason.strip()[:160], "author_id": by.user_id}
        )
        count += is_new
    audit.record_fact("buyer.blocked", f"#{order.number}", {"reason": (None, reason.strip()[:160])}, by=by)
    return count


@transaction.atomic
def unblock(order: Order, *, by: Author) -> bool:
    """Accept new orders of the buyer of an order again; return whether the buyer was blocked. Holds stay."""
    hashes = [key_hash(key) for key in keys_of(order)]
    count, _rows = BlockedBuyer.objects.filter(key__in=hashes).delete()
    if count:
        audit.record_fact("buyer.unblocked", f"#{order.number}", {}, by=by)
    return bool(count)
