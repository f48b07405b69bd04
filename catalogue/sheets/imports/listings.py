"""The sheet of listings (R-CAT-08): one row for each product and store. It is written by the services of the listing's form.

A product that is not on the store gets a draft; a draft and a listing are changed. Attributes that a row does not name stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalogue.errors import CatalogueError
from catalogue.models import Category, Listing, ListingVariant, Product
from catalogue.services.listing import attributes as listing_attributes
from catalogue.services.listing.attributes import ListingAttribute
from catalogue.services.listing.categories import Mappings, find_all, text_of
from catalogue.services.listing.drafts import ListingForm, message_of, publish, save_draft, update_listing
from catalogue.services.listings import require_capability
from catalogue.sheets.imports.lookup import is_given, known
from catalogue.sheets.imports.prices import stores_of
from catalogue.sheets.products import SKU
from channels.contract.spec import Capability
from channels.models import Connection
from oms.kit.bulk import among
from oms.kit.imports.kinds import Draft, RowsRefused, Session
from oms.kit.sheets.fields import FieldType, SheetField, SheetKind
from oms.kit.sheets.records import CLEAR

SLICE = 1_000
FIELDS = (
    SKU,
    SheetField("store", gettext_lazy("Store"), required=True, max_length=200, synonyms=("shop", "store name", "boutique", "magasin"), help=gettext_lazy("The name of the store.")),
    SheetField("category", gettext_lazy("Category in store"), FieldType.LONG_TEXT, synonyms=("store category", "channel category", "catégorie boutique"), example="Home > Kitchen", help=gettext_lazy("A category of the store: its path, or its ID. Several on lines of their own. Blank for a new listing: the mapped category of the product.")),
    SheetField("listing_title", gettext_lazy("Title in store"), max_length=300, synonyms=("listing title", "store title", "titre boutique"), help=gettext_lazy("Blank for a new listing: the title of the product.")),
    SheetField("attributes", gettext_lazy("Attributes"), FieldType.LONG_TEXT, synonyms=("attributs",), example="Colour: Blue", help=gettext_lazy("Name: value, each on a line of its own. Attributes that are not named stay as they are.")),
    SheetField("publish", gettext_lazy("Publish"), FieldType.YES_NO, synonyms=("publier",), help=gettext_lazy("yes: the listing is sent to the store. Otherwise a new one is saved as a draft.")),
)  # fmt: skip
LISTINGS = SheetKind("listings", gettext_lazy("Listings"), FIELDS, identity=("sku", "store"))
Place = tuple[int, int]  # product, store
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entered:
    """What a listing has of its own: categories, title ("" the product's), attributes."""

    categories: list[str]
    title: str
    attributes: dict[str, str]

    def as_form(self, product: Product) -> ListingForm:
        """Return it as the form of the listing."""
        return ListingForm(self.categories, self.title or product.title, self.attributes)


def entered(listing: Listing) -> Entered:
    """Return what a listing has of its own now."""
    return Entered(list(listing.category_external_ids), listing.own_title, dict(listing.own_attributes))


class ListingPart:
    """Listings of products on stores."""

    name = "listing"

    def check(self, drafts: Sequence[Draft], session: Session) -> None:
        stores, wanted = stores_of(session), []
        for draft, variant in known(drafts, session):
            name = str(draft.record.values.get("store") or "").strip()
            store = stores.get(name.casefold())
            if store is None:
                draft.reject("store", "store-unknown", _("There is no store “%s”.") % name)
            else:
                wanted.append((draft, variant, store))
        now = _listings({variant.product_id for _draft, variant, _store in wanted})
        seen: dict[Place, int] = session.memory.setdefault("listings_seen", {})
        for draft, variant, store in wanted:
            first = seen.setdefault((variant.product_id, store.pk), draft.record.row)
            if first != draft.record.row:
                reason = _("Row %d is about the same listing. Use one row for each product and store.")
                draft.reject("sku", "listing-twice", reason % first)
                continue
            self._compare(draft, variant.product, store, now.get((variant.product_id, store.pk)), session)

    def _compare(
        self, draft: Draft, product: Product, store: Connection, listing: Listing | None, session: Session
    ) -> None:
        """Note what of the listing changes, or why it cannot."""
        values = draft.record.values
        old = entered(listing) if listing is not None else Entered([], "", {})
        is_live = listing is not None and (bool(listing.external_id) or listing.state != Listing.State.DRAFT)
        try:
            categories = self._categories(values, store, old.categories, session)
            if listing is None and not is_given(values, "category"):
                categories = self._mapped(product, store, session)
            asked = _attributes(values.get("attributes")) if is_given(values, "attributes") else {}
        except CatalogueError as error:
            column = "category" if is_given(values, "category") else "attributes"
            draft.reject(column, f"{column}-wrong", str(error))
            return
        known_ones = self._known(store, categories, session)
        if reason := _refusal(known_ones, asked):
            draft.reject("attributes", "attribute-not-allowed", reason)
            return
        spelled = {one.name.casefold(): one for one in known_ones}
        merged = dict(old.attributes)
        for name, value in asked.items():
            each = spelled.get(name.casefold())
            merged[each.name if each else name] = each.spelled(value) if each else value
        merged = {name: value for name, value in merged.items() if value}
        title = values.get("listing_title")
        own = "" if title is CLEAR else str(title) if title is not None else old.title
        new = Entered(categories, "" if own == product.title else own, merged)
        publishes = values.get("publish") is True and not is_live
        capability = _capability(product, is_live=is_live)
        if listing is not None and new == old and not publishes:
            return
        try:
            require_capability(store, capability)
        except CatalogueError as error:
            draft.reject("store", "not-possible", str(error))
            return
        draft.is_new = listing is None
        draft.subject_id = listing.pk if listing is not None else None
        for column, before, after in (
            ("category", old.categories, new.categories),
            ("listing_title", old.title, new.title),
            ("attributes", old.attributes, new.attributes),
            ("publish", None, True if publishes else None),
        ):
            if before != after:
                draft.change(column, before, after)
        draft.data["listing"] = {
            "product": product.pk,
            "store": store.pk,
            "old": [old.categories, old.title, old.attributes] if listing is not None else None,
            "new": [new.categories, new.title, new.attributes],
            "publish": publishes,
        }

    @staticmethod
    def _categories(
        values: Mapping[str, Any], store: Connection, now: list[str], session: Session
    ) -> list[str]:
        if not is_given(values, "category"):
            return now
        text = "" if values["category"] is CLEAR else str(values["category"])
        return _remembered(session, "categories", (store.pk, text), lambda: find_all(store, text))

    @staticmethod
    def _mapped(product: Product, store: Connection, session: Session) -> list[str]:
        mappings = _remembered(session, "mappings", store.pk, lambda: Mappings(store))
        return mappings.of(product.category_id)[0]

    @staticmethod
    def _known(store: Connection, categories: list[str], session: Session) -> list[ListingAttribute]:
        key = (store.pk, next(iter(categories), ""))
        return _remembered(session, "known", key, lambda: listing_attributes.attributes_of(store, categories))

    def verify(self, rows: Sequence[Any], session: Session, *, undo: bool) -> Mapping[int, str]:
        mine = [row for row in rows if "listing" in row.data]
        now = _listings({row.data["listing"]["product"] for row in mine})
        session.memory["listings"] = now
        refusals: dict[int, str] = {}
        for row in mine:
            one = row.data["listing"]
            listing = now.get((one["product"], one["store"]))
            expected = one["new" if undo else "old"]
            found = None
            if listing is not None:
                own = entered(listing)
                found = [own.categories, own.title, own.attributes]
            if undo and one["publish"]:
                refusals[row.pk] = _("The listing was sent to the store. Delete it on its page.")
            elif undo and listing is not None and one["old"] is None:
                if listing.external_id or message_of(listing) is not None:
                    refusals[row.pk] = _("The listing was sent to the store. Delete it on its page.")
            elif found != expected:
                refusals[row.pk] = _("The listing was changed since the file was checked.")
        return refusals

    def apply(self, rows: Sequence[Any], session: Session) -> None:
        self._write(rows, session, "new")

    def undo(self, rows: Sequence[Any], session: Session) -> None:
        self._write(rows, session, "old")

    def _write(self, rows: Sequence[Any], session: Session, which: str) -> None:
        mine = [row for row in rows if "listing" in row.data]
        ids = {row.data["listing"]["product"] for row in mine}
        products = Product.objects.filter(pk__in=among(ids)).select_related("brand").in_bulk()
        stores = Connection.objects.in_bulk({row.data["listing"]["store"] for row in mine})
        now: dict[Place, Listing] = session.memory["listings"]
        for row in mine:
            one = row.data["listing"]
            product, store = products.get(one["product"]), stores.get(one["store"])
            if product is None or store is None:
                raise RowsRefused(_("This row no longer exists."))
            listing = now.get((product.pk, store.pk))
            if one[which] is None:  # undo of a new draft
                Listing.objects.filter(pk=row.subject_id).update(state=Listing.State.REMOVED)
                continue
            try:
                form = Entered(*one[which]).as_form(product)
                if listing is not None and listing.external_id:
                    update_listing(listing, form)
                    continue
                if one["old"] is None:
                    form = self._begun(product, store, form, session)
                listing = save_draft(product, store, form, remembers=False)
                row.subject_id = listing.pk
                if which == "new" and one["publish"]:
                    publish(listing)
            except CatalogueError as error:
                raise RowsRefused(str(error)) from None

    def _begun(self, product: Product, store: Connection, form: ListingForm, session: Session) -> ListingForm:
        """Return the form of a new listing with the values that its page begins with."""
        categories = list(form.category_external_ids)
        known_ones = self._known(store, categories, session)
        values = listing_attributes.prefilled(product, store, categories, known_ones, form.attributes)
        return ListingForm(categories, form.title, {**form.attributes, **values})


def _remembered(session: Session, name: str, key: Any, ask: Callable[[], T]) -> T:
    """Return what was asked before in this run of the job."""
    known_ones: dict[Any, T] = session.memory.setdefault(f"listings_{name}", {})
    if key not in known_ones:
        known_ones[key] = ask()
    return known_ones[key]


def _listings(product_ids: set[int]) -> dict[Place, Listing]:
    """Return (product, store) → its last listing that is not deleted; one statement."""
    rows = Listing.objects.filter(product__in=among(product_ids)).exclude(state=Listing.State.REMOVED)
    rows = rows.select_related("connection", "product").order_by("pk")
    return {(row.product_id, row.connection_id): row for row in rows}


def _capability(product: Product, *, is_live: bool) -> Capability:
    if is_live:
        return Capability.UPDATE_LISTING
    is_group = product.kind == Product.Kind.GROUP
    return Capability.CREATE_LISTING_GROUP if is_group else Capability.CREATE_LISTING_SINGLE


def _attributes(value: Any) -> dict[str, str]:
    """Return name → value of a cell with `Name: value` lines. Raises `CatalogueError` for a line without a colon."""
    found: dict[str, str] = {}
    for line in "" if value is CLEAR else str(value).splitlines():
        name, colon, text = line.partition(":")
        if line.strip() and not (colon and name.strip()):
            raise CatalogueError(
                _("“%s” is no attribute. Enter its name, a colon and its value.") % line[:60]
            )
        if line.strip():
            found[name.strip()] = text.strip()
    return found


def _refusal(known_ones: Sequence[ListingAttribute], asked: Mapping[str, str]) -> str:
    """Return why a value is not allowed; "" when all are."""
    for each in known_ones:
        value = next((text for name, text in asked.items() if name.casefold() == each.name.casefold()), "")
        if value and each.refuses(value):
            return _("“%(value)s” is not allowed for %(name)s. Allowed: %(values)s") % {
                "value": value,
                "name": each.label,
                "values": ", ".join(each.values[:12]),
            }
    return ""


def count() -> int:
    """Return how many listings an export has."""
    return (
        Listing.objects.exclude(state=Listing.State.REMOVED).filter(variants__isnull=False).distinct().count()
    )


def rows() -> Iterator[dict[str, Any]]:
    """Yield every listing as the sheet has it; three statements for each slice."""
    last = 0
    found = Listing.objects.exclude(state=Listing.State.REMOVED).select_related("connection").order_by("pk")
    while part := list(found.filter(pk__gt=last)[:SLICE]):
        last = part[-1].pk
        ids = [row.pk for row in part]
        skus = dict(
            ListingVariant.objects.filter(listing__in=among(ids), variant__isnull=False)
            .order_by("-pk")
            .values_list("listing", "variant__sku")
        )
        wanted = {external_id for row in part for external_id in row.category_external_ids}
        known_ones = Category.objects.filter(external_id__in=wanted)
        texts = {(row.connection_id, row.external_id): text_of(row) for row in known_ones}
        for row in part:
            if row.pk in skus:
                categories = row.category_external_ids
                yield {
                    "sku": skus[row.pk],
                    "store": row.connection.name,
                    "category": "\n".join(texts.get((row.connection_id, each), each) for each in categories),
                    "listing_title": row.own_title,
                    "attributes": "\n".join(f"{name}: {text}" for name, text in row.own_attributes.items()),
                }
