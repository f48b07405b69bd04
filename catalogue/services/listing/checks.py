"""Check a listing before it is sent: each problem names its field (R-CAT-08)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalogue.errors import CatalogueError
from catalogue.models import Category, Listing, Product
from catalogue.pricing import Price, price_for
from catalogue.push.listing_drafts import draft_of
from catalogue.push.refusals import field_of
from catalogue.services.listing.attributes import ListingAttribute, attributes_of
from catalogue.services.listings import require_capability
from channels.contract.errors import ChannelError
from channels.contract.records.listings import PlannedRequest
from channels.contract.records.products import ProductKind
from channels.contract.records.updates import ListingDraft
from channels.contract.spec import Capability
from channels.models import Connection
from channels.stores import listing_setup

ATTRIBUTE = "attribute:"
#: The fields of a listing as people read them.
LABELS: dict[str, Any] = {
    "title": gettext_lazy("Title"),
    "description": gettext_lazy("Description"),
    "warranty": gettext_lazy("Warranty"),
    "brand": gettext_lazy("Brand"),
    "category_external_ids": gettext_lazy("Category"),
    "attributes": gettext_lazy("Attributes"),
    "image_urls": gettext_lazy("Pictures"),
    "variants": gettext_lazy("SKUs and options"),
    "sku": gettext_lazy("SKU"),
    "barcode": gettext_lazy("Barcode"),
    "price": gettext_lazy("Price"),
    "selling_price": gettext_lazy("Selling price"),
    "currency": gettext_lazy("Currency"),
    "store": gettext_lazy("Store"),
}
#: Fields that are edited in the form of the listing; all others on the page of the product.
OF_LISTING = frozenset({"category_external_ids", "attributes"})


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field of a listing, in one sentence. An attribute's field is `attribute:<name>`."""

    field: str
    message: str

    @property
    def label(self) -> str:
        """The field as people read it."""
        return label_of(self.field)

    @property
    def is_of_listing(self) -> bool:
        """Whether it is mended in the listing's form, and not on the product's page."""
        return self.field in OF_LISTING or self.field.startswith(ATTRIBUTE)


def label_of(field: str) -> str:
    """Return the name of a field as people read it; "" for none."""
    if field.startswith(ATTRIBUTE):
        return field.removeprefix(ATTRIBUTE)
    return str(LABELS.get(field, field))


def problems_of(listing: Listing) -> list[FieldProblem]:
    """Return what is wrong with a new listing. No request is made.

    First what Manifold knows (capability, category, required attributes and their allowed values, prices), then what the
    connector says.
    """
    found = list(_known_problems(listing))
    prices, refused = _prices(listing)
    found += refused
    draft, _rows = draft_of(listing, known_prices=prices)
    found += _attribute_problems(listing.connection, listing, draft)
    found += _refusals(listing.connection, draft)
    return list({(problem.field, problem.message): problem for problem in found}.values())


def _known_problems(listing: Listing) -> Iterator[FieldProblem]:
    connection, rules = listing.connection, listing.connection.spec.listing_rules
    is_group = listing.product.kind == Product.Kind.GROUP
    capability = Capability.CREATE_LISTING_GROUP if is_group else Capability.CREATE_LISTING_SINGLE
    try:
        require_capability(connection, capability)
    except CatalogueError as error:
        yield FieldProblem("store", str(error))
    if not listing.category_external_ids or not rules.by_category:
        return
    category = Category.objects.filter(
        connection=connection, external_id=listing.category_external_ids[0]
    ).first()
    if category is not None and not category.is_active:
        yield FieldProblem(
            "category_external_ids", _("“%s” takes no listings. Choose another category.") % category
        )


def _prices(listing: Listing) -> tuple[dict[int, Price], list[FieldProblem]]:
    """Return the price of each SKU, 1 where it has none, and what is wrong with them."""
    prices: dict[int, Price] = {}
    found = []
    for row in listing.variants.select_related("variant", "connection"):
        try:
            prices[row.pk] = price_for(row)
        except CatalogueError as error:
            found.append(FieldProblem("price", str(error)))
            prices[row.pk] = Price(Decimal(1), None)
    return prices, found


def _attribute_problems(
    connection: Connection, listing: Listing, draft: ListingDraft
) -> Iterator[FieldProblem]:
    """Yield required attributes without a value, values that are not allowed, and attributes that the store does not have."""
    known = attributes_of(connection, listing.category_external_ids)
    values = {name.casefold(): value for name, value in draft.attributes.items() if value.strip()}
    by_sku = values_by_sku(draft)
    for each in known:
        if each.name.casefold() in by_sku:
            values.pop(each.name.casefold(), "")
            given = by_sku[each.name.casefold()] if each.is_required else ()
            for wrong in filter(each.refuses, given):
                yield FieldProblem(f"{ATTRIBUTE}{each.name}", _not_allowed(each, wrong))
            continue
        value = values.pop(each.name.casefold(), "")
        if not value and each.is_required and not each.has_default:
            yield FieldProblem(
                f"{ATTRIBUTE}{each.name}",
                _("%(channel)s needs a value for %(name)s in this category.")
                % {"channel": connection.spec.label, "name": each.label},
            )
        elif value and each.refuses(value):
            yield FieldProblem(f"{ATTRIBUTE}{each.name}", _not_allowed(each, value))
    rules = connection.spec.listing_rules
    if not known or rules.free_attributes or (rules.by_category and len(known) == len(rules.fields)):
        return  # the store's attributes are not known, or any is accepted
    for name in values:
        yield FieldProblem(
            f"{ATTRIBUTE}{name}",
            _("%(store)s has no attribute called %(name)s. Remove it, or create it in the store.")
            % {"store": connection.name, "name": name},
        )


def values_by_sku(draft: ListingDraft) -> dict[str, list[str]]:
    """Return the attributes in which the SKUs of a group differ: its options, casefolded, each with its different values."""
    found: dict[str, dict[str, None]] = {}
    for variant in draft.variants if draft.kind == ProductKind.GROUP else ():
        names = {name.casefold() for name in variant.options}
        for name, value in variant.attributes.items():
            if name.casefold() in names and value.strip():
                found.setdefault(name.casefold(), {})[value] = None
    return {name: list(values) for name, values in found.items()}


def _not_allowed(each: ListingAttribute, value: str) -> str:
    shown = ", ".join(each.values[:12]) + (" …" if len(each.values) > 12 else "")
    return _("“%(value)s” is not allowed for %(name)s. Allowed: %(values)s") % {
        "value": value,
        "name": each.label,
        "values": shown,
    }


def _refusals(connection: Connection, draft: ListingDraft) -> list[FieldProblem]:
    refused = listing_setup.refusals(connection, draft)
    return [FieldProblem(field_of(connection.spec, error), error.message) for error in refused]


def requests_of(listing: Listing) -> Sequence[PlannedRequest]:
    """Return the requests that create this listing, exactly as they would be sent now. Nothing is written.

    Lists of the channel may be read. Raise `CatalogueError` with the reason when that is impossible now.
    """
    draft, _rows = draft_of(listing)
    try:
        return listing_setup.planned_requests(listing.connection, draft)
    except ChannelError as error:
        raise CatalogueError(error.message) from error
