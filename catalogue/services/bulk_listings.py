"""Activate, deactivate or delete many listings: each by the service for one; a refusal does not stop the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from catalogue.errors import CatalogueError
from catalogue.models import Listing
from catalogue.services.listing_state import set_listing_active
from catalogue.services.listings import delete_listing

#: What can be done to a listing from a list: activate, deactivate, delete (R-CAT-10, R-CAT-11).
VERBS: Mapping[str, Callable[[Listing], object]] = {
    "on": lambda listing: set_listing_active(listing, active=True),
    "off": lambda listing: set_listing_active(listing, active=False),
    "delete": delete_listing,
}


@dataclass(slots=True)
class Tally:
    """How many listings it was done to, and how many were refused for which reason."""

    done: int = 0
    refused: Counter[str] = field(default_factory=Counter)


def act_on_each(verb: str, listings: Iterable[Listing]) -> Iterator[tuple[Listing, str]]:
    """Do `verb` to each of these listings, each in a transaction of its own; yield it with the reason of its refusal ("").

    Raises `KeyError` for another verb.
    """
    do = VERBS[verb]
    for listing in listings:
        try:
            do(listing)
        except CatalogueError as error:
            yield listing, str(error)
        else:
            yield listing, ""


def act_on_listings(verb: str, listings: Iterable[Listing]) -> Tally:
    """Do `verb` to each of these listings and count. Raises `KeyError` for another verb."""
    tally = Tally()
    for _listing, refusal in act_on_each(verb, listings):
        if refusal:
            tally.refused[refusal] += 1
        else:
            tally.done += 1
    return tally
