"""Apply the limits of a store to its available stock: arithmetic only, no database (R-INV-04, R-INV-07)."""

from __future__ import annotations

from typing import NamedTuple

#: The order in which the limits are applied.
_ORDER = ("buffer", "percentage", "cap", "most")


class Limits(NamedTuple):
    """What lowers an offer. None = no such limit. With `stopped` or `holiday` 0 is offered.

    `buffer`, `cap` and `most` are units. `most` is the limit of the channel, the others are the seller's.
    """

    buffer: int | None = None
    percentage: int | None = None
    cap: int | None = None
    stopped: bool = False
    holiday: bool = False
    most: int | None = None


def offered_units(available: int, limits: Limits) -> int:
    """Return the offered units: available minus buffer, of that the percentage (rounded down), at most cap and most.

    Never below 0, never more than `available`.
    """
    if limits.stopped or limits.holiday:
        return 0
    units = available - (limits.buffer or 0)
    if limits.percentage is not None:
        units = units * limits.percentage // 100
    if limits.cap is not None and units > limits.cap:
        units = limits.cap
    if limits.most is not None and units > limits.most:
        units = limits.most
    return max(units, 0)


def steps(available: int, limits: Limits) -> list[tuple[str, int]]:
    """Return the calculation of `offered_units` step by step: (name of the limit, units after it), `available` first.

    `most` is listed only where it lowers the result.
    """
    found = [("available", available)]
    if limits.stopped:
        return [*found, ("stopped", 0)]
    if limits.holiday:
        return [*found, ("holiday", 0)]
    for index, name in enumerate(_ORDER, start=1):
        if getattr(limits, name) is not None:
            so_far = {each: getattr(limits, each) for each in _ORDER[:index]}
            units = offered_units(available, Limits(**so_far))
            if name != "most" or units < found[-1][1]:
                found.append((name, units))
    return found
