"""Names that sellers use for carriers, and how a channel's own name is found for one."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")

#: Another name of the same carrier -> the name that is looked up, both as `carrier_key` writes them.
ALIASES: Mapping[str, str] = {
    "amazonlogistics": "amazon",
    "amazonlogisticsuk": "amazonlogistics",
    "apc": "apcovernight",
    "apcovernight": "apc",
    "dhlparcel": "dhl",
    "dhlparceluk": "dhlparcel",
    "dpduk": "dpd",
    "evri": "myhermes",
    "hermes": "myhermes",
    "hermesuk": "hermes",
    "laposte": "colissimo",
    "parcelforceworldwide": "parcelforce",
    "tntuk": "tnt",
}


def carrier_key(name: str) -> str:
    """Return a carrier's name with lower-case letters and digits only: “Royal Mail” -> “royalmail”."""
    plain = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
    return "".join(character for character in plain if character.isalnum())


def find_carrier(name: str, known: Mapping[str, T]) -> T | None:
    """Return the value of `known` (by `carrier_key`) for this carrier: by its own name first, then by its aliases."""
    key, seen = carrier_key(name), set[str]()
    while key and key not in seen:
        if key in known:
            return known[key]
        seen.add(key)
        key = ALIASES.get(key, "")
    return None
