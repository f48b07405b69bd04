"""Names and numbers of carriers on OnBuy (`onbuy.md` §8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from channels.contract.carriers.names import carrier_key, find_carrier
from channels.contract.records.updates import ShipmentUpdate
from oms.kit.numbers import whole_number

UNKNOWN_CARRIER = 16

#: OnBuy's carriers by number. OnBuy no longer documents the list.
PROVIDERS: Mapping[str, str] = {
    "1": "DPD", "3": "DHL", "4": "Parcelforce", "6": "Royal Mail", "7": "myHermes", "8": "Yodel", "11": "UPS",
    "12": "TNT", "13": "FedEx", "15": "APC Overnight", "17": "DX", "18": "GLS", "20": "DPD Local", "34": "Whistl",
    "42": "Amazon Logistics UK",
}  # fmt: skip
#: OnBuy's names by `carrier_key`. DHL Parcel is another network than OnBuy's DHL.
KNOWN: Mapping[str, str] = {carrier_key(name): name for name in PROVIDERS.values()} | {"dhlparcel": ""}


def known_carrier(name: str) -> str:
    """Return OnBuy's name of a carrier; "" where none is known."""
    return find_carrier(name, KNOWN) or ""


def tracking(update: ShipmentUpdate) -> dict[str, Any]:
    """Return the tracking fields of a dispatch: carrier by OnBuy's name or number; {} without a tracking number."""
    if not update.tracking_number:
        return {}
    code = update.carrier_code
    is_listed = whole_number(code) not in (None, UNKNOWN_CARRIER)
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
