"""Activate, deactivate or delete many listings, one after another; a refusal does not stop the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from catalogue.errors import CatalogueError
from catalogue.models import Listing
from catalogue.services.listing.drafts import publish
from catalogue.services.listing_state import set_listing_active
from catalogue.services.listings import delete_listing

#: Actions for selected listings: publish, activate, deactivate, delete (R-CAT-08, R-CAT-10, R-CAT-11).
VERBS: Mapping[str, Callable[[Listing], object]] = {
    "on": lambda listing: set_listing_active(listing, active=True),
    "off": lambda listing: set_listing_active(listing, active=False),
    "delete": delete_listing,
    "publish": publish,
}


@dataclass(slots=True)
class Tally:
    """The number of changed listings, and the number of refused ones by reason."""

    done: int = 0
    refused: Counter[str] = field(default_factory=Counter)


def act_on_each(verb: str, listings: Iterable[Listing]) -> Iterator[tuple[Listing, str]]:
    """Apply `verb` to each listing in its own transaction; yield the listing and the reason of the refusal, or "".

    Raise `KeyError` for another verb.
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
    """Apply `verb` to each listing and return the counts. Raise `KeyError` for another verb."""
    tally = Tally()
    for _listing, refusal in act_on_each(verb, listings):
        if refusal:
            tally.refused[refusal] += 1
        else:
            tally.done += 1
    return tally
