"""How OnBuy names carriers: by its own name or number where it has one (`onbuy.md` §8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from channels.contract.carriers import carrier_key, find_carrier
from channels.contract.records.updates import ShipmentUpdate

UNKNOWN_CARRIER = 16

#: Carriers by the number that OnBuy has given them (no list is documented any more).
PROVIDERS: Mapping[str, str] = {
    "1": "DPD", "3": "DHL", "4": "Parcelforce", "6": "Royal Mail", "7": "myHermes", "8": "Yodel", "11": "UPS",
    "12": "TNT", "13": "FedEx", "15": "APC Overnight", "17": "DX", "18": "GLS", "20": "DPD Local", "34": "Whistl",
    "42": "Amazon Logistics UK",
}  # fmt: skip
#: OnBuy's names by `carrier_key`. DHL Parcel is another network than the DHL that OnBuy knows.
KNOWN: Mapping[str, str] = {carrier_key(name): name for name in PROVIDERS.values()} | {"dhlparcel": ""}


def known_carrier(name: str) -> str:
    """Return OnBuy's own name of a carrier; empty where it has none that is known."""
    return find_carrier(name, KNOWN) or ""


def tracking(update: ShipmentUpdate) -> dict[str, Any]:
    """Return the carrier by OnBuy's own name or number where it is known; nothing without a tracking number."""
    if not update.tracking_number:
        return {}
    code = update.carrier_code
    is_listed = code.isascii() and code.isdigit() and int(code) != UNKNOWN_CARRIER
    name = PROVIDERS.get(code) or ("" if is_listed else known_carrier(update.carrier_name))
    if name:
        place: dict[str, Any] = {"supplier_name": name}
    elif is_listed:
        place = {"tracking_id": int(code)}
    elif update.tracking_url:
        place = {"tracking_id": UNKNOWN_CARRIER, "url": update.tracking_url}
    else:
        place = {"supplier_name": update.carrier_name or "Other"}
    return {"tracking": {**place, "number": update.tracking_number}}
