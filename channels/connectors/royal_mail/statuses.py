"""What Click & Drop says about an order, and what each means: instants of one order, no codes (`channels/carriers.md` §4)."""

from __future__ import annotations

from channels.contract.carriers.records import ParcelState

#: Field of an order -> state. A manifest is how parcels are handed over; there are no events of delivery.
STATES: dict[str, ParcelState] = {
    "printedOn": ParcelState.READY,
    "manifestedOn": ParcelState.HANDED_OVER,
    "shippedOn": ParcelState.HANDED_OVER,
}
