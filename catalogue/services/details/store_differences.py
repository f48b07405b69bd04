"""What a store shows of a product otherwise than Manifold: title, description, price."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from django.utils.translation import gettext as _

from catalogue.errors import CatalogueError
from catalogue.models import Listing, ListingVariant, Product
from catalogue.models.keys import text_hash
from catalogue.pricing import price_for, typed_amount


class Difference(NamedTuple):
    """One field that differs, and its values in the store and in Manifold as a sentence."""

    field: str
    sentence: str

    @property
    def field_words(self) -> str:
        """Return the name of the field for people."""
        return _("Title") if self.field == "title" else _("Description")


def title_in_store(listing: Listing, product: Product, rows: Sequence[ListingVariant]) -> str:
    """Return the title that the listing is sent: a single listing of a SKU of a group has its options too."""
    if listing.remote_kind != Product.Kind.SINGLE or product.kind != Product.Kind.GROUP or len(rows) != 1:
        return product.title
    options = ", ".join(map(str, rows[0].variant.options.values()))
    return f"{product.title} – {options}" if options else product.title


def details_that_differ(
    listing: Listing, product: Product, rows: Sequence[ListingVariant], *, text: str
) -> list[Difference]:
    """Return whether title and description in the store differ; `text` is the hash of the product's description.

    A field that waits to be sent is said to wait. What no import has shown yet is not compared.
    """
    found = []
    title = listing.own_title or title_in_store(listing, product, rows)
    if listing.remote_title and listing.remote_title.strip() != title.strip():
        found.append(
            Difference(
                "title",
                _("Title in store: “%(store)s”. In Manifold: “%(own)s”.")
                % {"store": listing.remote_title, "own": title},
            )
        )
    if listing.remote_text and listing.remote_text != text:
        found.append(Difference("description", _("The description in the store is another one.")))
    waits = _("The change waits to be sent.")
    return [
        Difference(one.field, f"{one.sentence} {waits}") if one.field in listing.changed_fields else one
        for one in found
    ]


def price_difference(row: ListingVariant) -> str:
    """Return how the price that the store shows differs from the one it is to show; "" when it does not or is unknown."""
    shown = row.shown_price
    if shown.value is None:
        return ""
    try:
        wanted = price_for(row)
    except CatalogueError as error:
        return str(error)
    if (shown.value, shown.selling) == tuple(wanted):
        return ""
    return _("Price in store: %(store)s. In Manifold: %(own)s.") % {
        "store": _words(shown.value, shown.selling),
        "own": _words(wanted.price, wanted.selling_price),
    }


def hash_of(product: Product) -> str:
    """Return the hash with which `details_that_differ` compares; computed once for all stores of a product."""
    return text_hash(product.description)


def _words(price: object, selling: object) -> str:
    found = typed_amount(price)  # type: ignore[arg-type]
    return found if selling is None else f"{found} / {typed_amount(selling)}"  # type: ignore[arg-type]
