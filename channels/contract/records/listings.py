"""What a channel demands of a new listing, and the requests with which a listing is created."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from channels.contract.errors import Rejected


@dataclass(frozen=True, slots=True)
class ListingField:
    """A field of every listing of a channel that is chosen like an attribute, such as Etsy's shipping profile.

    `setting` names the store's setting with the value for new listings. `values` are the allowed ones where they are fixed;
    others come with the store's attributes, under the external ID `listing:<name>`.
    """

    name: str
    label: Any
    is_required: bool = False
    setting: str = ""
    help_text: Any = ""
    values: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ListingRules:
    """What a listing may have on a channel and what it must have, as far as this is known without a request.

    `pictures` and `options` are the most that one listing takes, 0 = no limit. `free_attributes`: each attribute of a product
    is sent under its own name; otherwise only attributes that the store has. `by_category`: the attributes depend on the
    category. `no_new_skus` and `no_removed_skus` say why a SKU cannot be added to a group that is listed, or removed from it
    (then it is offered 0); "" where it can. `field_names` maps the channel's names of fields to those of `ListingDraft`, for its refusals.
    """

    title_length: int = 300
    needs_category: bool = False
    many_categories: bool = False
    needs_brand: bool = False
    needs_description: bool = False
    needs_picture: bool = False
    pictures: int = 0
    picture_note: Any = ""
    options: int = 0
    free_attributes: bool = False
    by_category: bool = False
    no_new_skus: Any = ""
    no_removed_skus: Any = ""
    fields: Sequence[ListingField] = ()
    field_names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """One request that would be sent: method, path, and the body as data (None without one)."""

    method: str
    path: str
    body: Any = None
    note: str = ""


def refusals_of(*parts: Callable[[], object]) -> list[Rejected]:
    """Call each part, and return what was refused: so each wrong field is named, not only the first one."""
    found: list[Rejected] = []
    for part in parts:
        try:
            part()
        except Rejected as error:
            if all(error.message != other.message for other in found):
                found.append(error)
    return found
