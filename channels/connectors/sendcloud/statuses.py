"""Sendcloud's codes of parcels, and what each means (`channels/carriers.md` §3; Sendcloud publishes no table)."""

from __future__ import annotations

from channels.contract.carriers.records import ParcelState

S = ParcelState

#: Code -> state; None: the code says nothing about where the parcel is.
STATES: dict[str, ParcelState | None] = {
    **dict.fromkeys("READY_TO_SEND ANNOUNCING ANNOUNCED ANNOUNCED_UNCOLLECTED NO_LABEL".split(), S.READY),
    "PICKED_UP_BY_DRIVER": S.HANDED_OVER,
    **dict.fromkeys(
        (
            "TO_SORTING DELAYED SORTED UNSORTED SORTING SHIPMENT_ON_ROUTE AT_SORTING_CENTRE "
            "DELIVERY_METHOD_CHANGED DELIVERY_DATE_CHANGED DELIVERY_ADDRESS_CHANGED"
        ).split(),
        S.IN_TRANSIT,
    ),
    "AT_CUSTOMS": S.AT_CUSTOMS,
    "DRIVER_ON_ROUTE": S.OUT_FOR_DELIVERY,
    "AWAITING_CUSTOMER_PICKUP": S.AWAITING_COLLECTION,
    "DELIVERED": S.DELIVERED,
    "COLLECTED_BY_CUSTOMER": S.DELIVERED,
    **dict.fromkeys("DELIVERY_FAILED UNDELIVERABLE REFUSED_BY_RECIPIENT".split(), S.FAILED_ATTEMPT),
    "RETURNED_TO_SENDER": S.RETURNED,
    **dict.fromkeys(
        (
            "ANNOUNCEMENT_FAILED COLLECT_ERROR ADDRESS_INVALID EXCEPTION CANCELLATION_FAILED CANCELLED "
            "CANCELLED_UPSTREAM CANCELLING CANCELLING_UPSTREAM UNKNOWN"
        ).split(),
        None,
    ),
}

#: With these a parcel has no label that can be used.
CANCELLED = frozenset("CANCELLED CANCELLED_UPSTREAM CANCELLING CANCELLING_UPSTREAM".split())
FAILED = frozenset("ANNOUNCEMENT_FAILED".split())


def code_of(text: str) -> str:
    """Return a code as the table has it; the tracking API writes codes in lower case and with dashes, too."""
    return text.strip().upper().replace("-", "_").replace(" ", "_")
