"""The field that a channel's refusal of a listing is about, and storing the refusal with the listing."""

from __future__ import annotations

from catalogue.models import Listing, ListingVariant
from channels.contract.errors import Rejected
from channels.contract.spec import ChannelSpec

#: Words of a refusal -> the field that it is about, where the channel names none. The first that is found counts.
WORDS = (
    ("categor", "category_external_ids"),
    ("taxonomy", "category_external_ids"),
    ("title", "title"),
    ("product name", "title"),
    ("description", "description"),
    ("image", "image_urls"),
    ("picture", "image_urls"),
    ("photo", "image_urls"),
    ("brand", "brand"),
    ("manufacturer", "brand"),
    ("barcode", "barcode"),
    ("product code", "barcode"),
    ("gtin", "barcode"),
    ("ean", "barcode"),
    ("price", "price"),
    ("attribute", "attributes"),
    ("feature", "attributes"),
    ("option", "variants"),
    ("variation", "variants"),
    ("sku", "sku"),
)


def field_of(spec: ChannelSpec, error: Rejected) -> str:
    """Return the field of the draft that a refusal is about, "" when nothing says which.

    The field that the channel names has priority, then its names of fields in its sentence, then words of the trade.
    """
    names = spec.listing_rules.field_names
    if error.field:
        native = error.field.partition(".")[0].partition("[")[0]
        return names.get(native, native)
    words = f"{error.message} {error.detail}".casefold()
    for native in sorted((name for name in names if "_" in name), key=len, reverse=True):
        if native in words:
            return names[native]
    spaced = f" {words}"
    return next((field for word, field in WORDS if f" {word}" in spaced), "")


def store_refusal(listing: Listing, error: Rejected) -> None:
    """Store the channel's refusal with a listing and its SKUs; one that was being created is a draft again."""
    words = str(error)
    Listing.objects.filter(pk=listing.pk).update(
        refusal=words[:500], refusal_field=field_of(listing.connection.spec, error)[:120]
    )
    Listing.objects.filter(pk=listing.pk, state=Listing.State.PENDING).update(state=Listing.State.DRAFT)
    ListingVariant.objects.filter(listing=listing).update(answer=words[:300])
