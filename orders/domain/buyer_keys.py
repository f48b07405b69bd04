"""What makes two orders those of one buyer. Nothing is guessed: the same name at two addresses is two buyers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

#: ("email", address), ("phone", digits), or ("name", name, postcode, street).
BuyerKey = tuple[str, ...]
FEWEST_DIGITS = 6


def buyer_keys(*, name: str, email: str, phone: str, ship_to: Mapping[str, Any]) -> list[BuyerKey]:
    """Return what identifies a buyer, the surest first: e-mail address, phone number; with neither, name and address.

    [] for an order without a buyer, or one whose personal data was removed.
    """
    keys: list[BuyerKey] = []
    if email.strip():
        keys.append(("email", email.strip().casefold()))
    digits = re.sub(r"[^0-9]", "", phone)
    if len(digits) >= FEWEST_DIGITS:
        keys.append(("phone", digits))
    postcode, street = (_folded(str(ship_to.get(part) or "")) for part in ("postcode", "line1"))
    if not keys and name.strip() and (postcode or street):
        keys.append(("name", _folded(name), postcode, street))
    return keys


def key_hash(key: BuyerKey) -> str:
    """Return a key as it is stored for a blocked buyer: it cannot be read back."""
    return hashlib.blake2b("\x1f".join(key).encode(), digest_size=20).hexdigest()


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
