"""Columns of an order that staff corrected: an import does not overwrite them until the channel changes them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from channels.contract.cleaning import dump_json
from orders.models import Order

#: Columns that the channel owns and staff can correct.
COLUMNS = ("ship_to", "customer_name", "customer_email", "customer_phone", "shipping_method")


def digest_of(value: Any) -> str:
    """Return a hash of a column's value. `Order.corrected` stores it in place of the value: no personal data."""
    return hashlib.blake2b(dump_json(value).encode(), digest_size=12).hexdigest()


def note_correction(order: Order, name: str, value: Any) -> None:
    """Set a column to what staff entered, and note what the channel has. Its own value again is no correction."""
    noted = dict(order.corrected)
    of_channel = noted.setdefault(name, digest_of(getattr(order, name)))
    if digest_of(value) == of_channel:
        del noted[name]
    order.corrected = noted
    setattr(order, name, value)


def without_corrected(order: Order, columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that an import writes: all but those that were corrected since the channel changed them.

    Where the channel has another value now than when staff corrected it, its value is newer: it is written, and the
    correction ends.
    """
    written, noted = dict(columns), dict(order.corrected)
    for name, of_channel in order.corrected.items():
        if digest_of(columns[name]) == of_channel:
            del written[name]
            if name == "ship_to":
                written.pop("country", None)
        else:
            del noted[name]
    order.corrected = noted
    return written
