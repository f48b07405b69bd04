"""How much of what is available a store is offered: arithmetic alone, no database (R-INV-04, R-INV-07)."""

from __future__ import annotations

from typing import NamedTuple

#: The order in which they act.
_ORDER = ("buffer", "percentage", "cap", "most")


class Limits(NamedTuple):
    """What lowers an offer. None = no such limit. `stopped` and `holiday` offer nothing at all.

    `most` is not the seller's: the channel shows no more units of a SKU.
    """

    buffer: int | None = None
    percentage: int | None = None
    cap: int | None = None
    stopped: bool = False
    holiday: bool = False
    most: int | None = None


def offered_units(available: int, limits: Limits) -> int:
    """Units to show: what is left after the buffer, its percentage rounded down, at most the cap; never below 0.

    Never more than `available`: a limit only lowers.
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
    """The same sum step by step: (name of the limit that acted, units left after it), `available` first.

    The channel's own `most` is named only where it lowers something.
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
