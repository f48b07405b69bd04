"""Save the form of a listing, and publish it: the outbox creates it on the store, in the channel's own steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.utils.translation import gettext as _

from catalogue import search_text
from catalogue.errors import CatalogueError
from catalogue.inbound.reference_data import request_attributes
from catalogue.models import Listing, ListingVariant, Product
from catalogue.services.listing import attributes as listing_attributes
from catalogue.services.listing.categories import Mappings
from catalogue.services.listing.checks import FieldProblem, problems_of
from catalogue.services.listings import draft_on_store, require_capability
from channels.contract.spec import Capability
from channels.models import Connection, OutboxMessage
from channels.push import outbox
from channels.push.topics import Topic
from oms.kit.authors import audit
from oms.kit.bulk import set_to

#: Fields of the form, with their names in `ListingDraft.changed`.
FIELDS = {
    "own_title": "title",
    "category_external_ids": "category_external_ids",
    "own_attributes": "attributes",
}


class NotReady(CatalogueError):
    """A listing that cannot be published; `problems` has each field with its problem."""

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        super().__init__(" ".join(f"{each.label}: {each.message}" for each in problems))
        self.problems = list(problems)


@dataclass(frozen=True, slots=True)
class ListingForm:
    """The form of a listing: what is entered for one store. An empty title means the product's.

    `by_option`: for attributes that are options of the group, the store's value of each option value.
    """

    category_external_ids: Sequence[str] = ()
    title: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    by_option: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def draft_of_product(product: Product, connection: Connection) -> Listing | None:
    """Return the product's listing on this store that is not deleted there, or None."""
    rows = Listing.objects.filter(product=product, connection=connection)
    return rows.exclude(state=Listing.State.REMOVED).order_by("-pk").first()


def suggested_categories(product: Product, connection: Connection) -> list[str]:
    """Return the categories of the store to which the product's category is mapped, itself or by a parent."""
    return Mappings(connection).of(product.category_id)[0] if product.category_id else []


@transaction.atomic
def save_draft(
    product: Product, connection: Connection, form: ListingForm, *, remembers: bool = True
) -> Listing:
    """Save the form of a new listing; nothing is sent. The draft that the product has on the store is changed.

    `remembers`: the next listing in this category begins with these attributes. Raise `CatalogueError` when the channel
    cannot create such a listing, or the product is on the store already.
    """
    Connection.objects.select_for_update(of=("self",), no_key=True).get(pk=connection.pk)
    listing = draft_of_product(product, connection)
    if listing is None:
        listing = draft_on_store(product, connection, category_external_ids=form.category_external_ids)
    elif listing.state != Listing.State.DRAFT or listing.external_id:
        raise CatalogueError(
            _("%(title)s is on %(store)s already.") % {"title": product.title, "store": connection.name}
        )
    else:
        _add_new_skus(listing)
    with audit.watch(listing, *FIELDS, what="listing.edited"):
        _set(listing, form)
    if remembers:
        _remember(listing)
    return listing


def _set(listing: Listing, form: ListingForm) -> list[str]:
    """Set the fields of the form; return those that changed. What equals the product's is not stored: it follows the product."""
    title = form.title.strip()[:300]
    of_product = {name.casefold(): value for name, value in listing.product.attributes.items()}
    wanted = {
        "own_title": "" if title == listing.product.title else title,
        "category_external_ids": [str(each) for each in form.category_external_ids],
        "own_attributes": {
            name: value.strip()
            for name, value in form.attributes.items()
            if value.strip() and of_product.get(name.casefold()) != value.strip()
        },
    }
    changed = [name for name, value in wanted.items() if getattr(listing, name) != value]
    for name in changed:
        setattr(listing, name, wanted[name])
    if changed:
        listing.save(update_fields=changed)
    _set_sku_values(listing, form.by_option)
    if "category_external_ids" in changed:
        request_attributes(listing.connection, listing.category_external_ids)
    return changed


def _set_sku_values(listing: Listing, by_option: Mapping[str, Mapping[str, str]]) -> None:
    """Store for each SKU the store's value of its options, where it is another one than the option's. Two statements."""
    if not by_option:
        return
    values: dict[int, tuple[dict[str, str]]] = {}
    for row in listing.variants.select_related("variant"):
        options = {name.casefold(): str(value) for name, value in row.variant.options.items()}
        wanted = dict(row.own_attributes)
        for name, chosen in by_option.items():
            own = options.get(name.casefold(), "")
            wanted.pop(name, None)
            if own and chosen.get(own, "").strip() not in ("", own):
                wanted[name] = chosen[own].strip()
        if wanted != row.own_attributes:
            values[row.pk] = (wanted,)
    set_to(ListingVariant, ("own_attributes",), values)


def chosen_by_option(listing: Listing) -> dict[str, dict[str, str]]:
    """Return the store's value of each option value of a listing's SKUs, by the attribute's name. One statement."""
    found: dict[str, dict[str, str]] = {}
    for row in listing.variants.select_related("variant"):
        options = {name.casefold(): str(value) for name, value in row.variant.options.items()}
        for name, value in row.own_attributes.items():
            if own := options.get(name.casefold()):
                found.setdefault(name, {})[own] = value
    return found


def _add_new_skus(listing: Listing) -> None:
    """Add the SKUs that the product got after the draft was saved. Two statements when there are none."""
    have = set(listing.variants.values_list("variant_id", flat=True))
    new = [variant for variant in listing.product.variants.current() if variant.pk not in have]
    if not new:
        return
    keys = [variant.sku_key for variant in new]
    listed = ListingVariant.objects.filter(connection=listing.connection, sku_key__in=keys)
    taken = set(listed.values_list("sku_key", flat=True))
    ListingVariant.objects.bulk_create(
        ListingVariant(
            listing=listing,
            connection=listing.connection,
            variant=variant,
            external_sku=variant.sku,
            sku_key=variant.sku_key,
        )
        for variant in new
        if variant.sku_key not in taken
    )
    search_text.refresh_listings([listing.pk])


def _remember(listing: Listing) -> None:
    category = next(iter(listing.category_external_ids), "")
    listing_attributes.remember(listing.connection, category, listing.own_attributes, listing.product)


@transaction.atomic
def publish(listing: Listing) -> Listing:
    """Send a checked draft to its store (R-CAT-08). A second call sends nothing twice: a listing has one message.

    Raise `NotReady` with the problems of its fields; `CatalogueError` when it is on the store or is being created.
    """
    row = (
        Listing.objects.select_for_update(of=("self",))
        .select_related("connection", "product__brand")
        .get(pk=listing.pk)
    )
    if row.external_id or row.state != Listing.State.DRAFT:
        raise CatalogueError(_("“%s” is already on the store, or is being created.") % row)
    _add_new_skus(row)
    if found := problems_of(row):
        raise NotReady(found)
    if row.refusal:
        row.refusal = row.refusal_field = ""
        row.save(update_fields=["refusal", "refusal_field"])
        ListingVariant.objects.filter(listing=row).update(answer="")
    audit.record("listing.listed", row)
    outbox.touch(Topic.LISTING_CREATE, [(row.connection_id, row.pk)])
    return row


@transaction.atomic
def update_listing(listing: Listing, form: ListingForm) -> list[str]:
    """Change title, category or attributes of a listing that is on its store, and send the changed fields; return them.

    Raise `CatalogueError` when the channel cannot update listings, or the listing is not on the store.
    """
    require_capability(listing.connection, Capability.UPDATE_LISTING)
    row = (
        Listing.objects.select_for_update(of=("self",))
        .select_related("connection", "product")
        .get(pk=listing.pk)
    )
    if not row.external_id or row.state == Listing.State.REMOVED:
        raise CatalogueError(_("The product is not listed on %s.") % row.connection.name)
    with audit.watch(row, *FIELDS, what="listing.edited"):
        changed = _set(row, form)
    if changed:
        row.changed_fields = sorted({*row.changed_fields, *(FIELDS[name] for name in changed)})
        row.save(update_fields=["changed_fields"])
        outbox.touch(Topic.LISTING_UPDATE, [(row.connection_id, row.pk)])
    return changed


def message_of(listing: Listing) -> OutboxMessage | None:
    """Return the message that creates this listing on its store; None when it was never published."""
    rows = OutboxMessage.objects.filter(connection_id=listing.connection_id, topic=Topic.LISTING_CREATE)
    return rows.filter(subject=listing.pk).first()
