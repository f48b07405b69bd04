"""The tab Listings of a store; selected listings are activated, deactivated or deleted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from catalogue.first_sync_report import stores_with_other_tax_setting
from catalogue.models import Listing, ListingVariant, Product, ProductImage, Variant, sku_key
from catalogue.services import bulk_listings
from channels.admin.store import report
from channels.admin.store.page import StorePage, chosen, go, needs
from channels.contract.spec import Capability
from channels.models import Connection
from oms.kit.admin import panels
from oms.kit.admin.paging import page_of

# Grouped once: an EXISTS for each SKU takes ten times as long. Without `exclude(barcode="")` the index cannot be used.
_BARCODES_OF_SEVERAL = (
    Variant.objects.exclude(barcode="")
    .order_by()
    .values("barcode")
    .annotate(skus=Count("pk"))
    .filter(skus__gt=1)
    .values("barcode")
)
#: Checks of products, as conditions of their rows. Pictures are no join, which would give a row for each.
_OF_PRODUCTS: dict[str, Any] = {
    "picture": ~Exists(ProductImage.objects.filter(product=OuterRef("pk"))),
    "text": Q(description=""),
    "attributes": Q(attributes={}),
}


def _of_products(key: str) -> Q:
    """Return the condition of the listed SKUs whose product has this fault."""
    return Q(listing__product__in=Product.objects.filter(_OF_PRODUCTS[key]))


#: Checks of product data (R-CAT-14): counted in the first sync report, and filters of this list (`?missing=<key>`).
MISSING: dict[str, tuple[Any, Any]] = {
    "price": (_("SKUs without a price"), Q(variant__price=None)),
    "zero": (_("SKUs with a price of 0"), Q(variant__price=0)),
    "currency": (
        _("SKUs with a price in another currency"),
        ~Q(variant__currency="") & ~Q(variant__currency=F("connection__currency")),
    ),
    "sku": (
        _("SKUs with a duplicate barcode"),
        ~Q(variant__barcode="") & Q(variant__barcode__in=_BARCODES_OF_SEVERAL),
    ),
    "blocked": (_("SKUs whose stock is not sent"), ~Q(listing__stock_blocked="")),
    "picture": (_("Products without a picture"), _of_products("picture")),
    "text": (_("Products without a description"), _of_products("text")),
    "attributes": (_("Products without attributes"), _of_products("attributes")),
    "stock": (_("SKUs without stock in the store"), Q(remote_quantity=None) | Q(remote_quantity__lte=0)),
}
#: Checks that count products; the others count SKUs. HINTS are information, the others are faults.
OF_PRODUCTS = frozenset(_OF_PRODUCTS)
HINTS = OF_PRODUCTS | {"stock"}


#: Actions for selected listings: verb, label, capability that the channel needs, permission.
VERBS: tuple[tuple[str, Any, Capability, str], ...] = (
    ("on", _("Activate"), Capability.SET_LISTING_ACTIVE, "catalogue.change_listing"),
    ("off", _("Deactivate"), Capability.SET_LISTING_ACTIVE, "catalogue.change_listing"),
    ("delete", _("Delete from store…"), Capability.DELETE_LISTING, "catalogue.delete_listing"),
)


def show_tally(request: HttpRequest, verb: str, tally: bulk_listings.Tally) -> None:
    """Show a message with the number of changed listings, and one for each reason why listings were not changed."""
    done = {
        "on": ngettext("%d listing is being activated.", "%d listings are being activated.", tally.done),
        "off": ngettext("%d listing is being deactivated.", "%d listings are being deactivated.", tally.done),
        "delete": ngettext("%d listing is being deleted.", "%d listings are being deleted.", tally.done),
    }
    if tally.done:
        messages.success(request, done[verb] % tally.done)
    for reason, count in tally.refused.most_common(5):
        messages.error(request, reason if count == 1 else f"{reason} ({count:,})")


@panels.tab(
    Connection,
    "listings",
    label=_("Listings"),
    permission="catalogue.view_listing",
    position=20,
    off=needs(Capability.PULL_PRODUCTS),
    name="store_listings",
)
class Listings(StorePage):
    """Listings of a store: status, price, quantity in the store, last quantity sent."""

    title = _("Listings")
    tab = "listings"
    permission: ClassVar[Any] = "catalogue.view_listing"
    write_permission: ClassVar[Any] = ("catalogue.change_listing", "catalogue.delete_listing")
    template_name = "catalogue/store_listings.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        first_image = ProductImage.objects.order_by("position", "id")
        rows = (
            self.store.listing_variants.all()  # they share the store
            .select_related("listing", "variant", "listing__product")
            .prefetch_related(Prefetch("listing__product__images", queryset=first_image))
            .order_by("id")
        )
        search = request.GET.get("q", "").strip()
        if search:
            rows = rows.filter(Q(sku_key__startswith=sku_key(search)) | Q(external_id=search))
        state = request.GET.get("state", "")
        if state in Listing.State.values:
            rows = rows.filter(listing__state=state)
        missing = request.GET.get("missing", "")
        if missing in MISSING:
            rows = rows.filter(MISSING[missing][1])
        return self.render(
            rows=page_of(rows, request),
            search=search,
            state=state,
            states=Listing.State.choices,
            missing=missing,
            all_missing=[(key, words) for key, (words, _rows) in MISSING.items()],
            verbs=self.verbs(),
        )

    def verbs(self) -> list[tuple[str, Any, str]]:
        """Return the actions for selected listings: verb, label, why it is disabled."""
        user, shown = self.request.user, []
        for verb, words, capability, permission in VERBS:
            off = self.store.why_not(capability)
            if not off and not user.has_perm(permission):
                off = gettext("Your role does not allow this.")
            shown.append((verb, words, off))
        return shown

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Activate, deactivate or delete the selected listings; deleting asks for confirmation."""
        verb = request.POST.get("do", "")
        off = next(
            (why for name, _words, why in self.verbs() if name == verb),
            gettext("This action does not exist."),
        )
        rows = Listing.objects.filter(connection=self.store, pk__in=chosen(request)[:500])
        listings = list(rows.select_related("connection", "product"))
        if off:
            messages.error(request, off)
        elif not listings:
            messages.warning(request, gettext("Select at least one listing."))
        elif verb == "delete" and "confirmed" not in request.POST:
            return self.ask(listings)
        else:
            show_tally(request, verb, bulk_listings.act_on_listings(verb, listings))
        return go("store_listings", pk)

    def ask(self, listings: Sequence[Listing]) -> HttpResponse:
        """Return the page that asks to confirm the deletion of these listings."""
        words = ngettext(
            "Delete %(n)d listing from %(store)s?", "Delete %(n)d listings from %(store)s?", len(listings)
        )
        return self.confirm(
            question=words % {"n": len(listings), "store": self.store.name},
            lines=[
                ", ".join(row.remote_title or row.product.title for row in listings[:10])
                + (" …" if len(listings) > 10 else ""),
                gettext("They are deleted in the store, with their addresses and reviews."),
                gettext("The products, their SKUs and their stock stay in Manifold and can be listed again."),
            ],
            button=gettext("Delete from store"),
            back=reverse("admin:store_listings", args=[self.store.pk]),
            is_dangerous=True,
            hidden=[("do", "delete"), *(("row", row.pk) for row in listings)],
        )


@report.figures(position=10)
def imported(store: Connection) -> Iterable[report.Figure]:
    """Return the number of products and SKUs of the store."""
    url = reverse("admin:store_listings", args=[store.pk])
    yield report.Figure(Listing.objects.filter(connection=store).count(), _("products"), url, is_main=True)
    yield report.Figure(ListingVariant.objects.filter(connection=store).count(), _("SKUs"), url)


@report.findings(position=60)
def product_data(store: Connection) -> Iterable[report.Finding]:
    """Return the faults of product data (R-CAT-14) with links to their rows, and stores with another tax setting."""
    others = stores_with_other_tax_setting(store)
    yield report.Finding(
        len(others), _("Stores with another tax setting for prices"), ", ".join(others), "", ""
    )
    listed = ListingVariant.objects.filter(connection=store)
    of_skus = {key: rows for key, (_words, rows) in MISSING.items() if key not in OF_PRODUCTS}
    data = listed.aggregate(**{f"in_{key}": Count("pk", filter=rows) for key, rows in of_skus.items()})
    products = Product.objects.filter(pk__in=Listing.objects.filter(connection=store).values("product"))
    data |= products.aggregate(
        **{f"in_{key}": Count("pk", filter=rows) for key, rows in _OF_PRODUCTS.items()}
    )
    url = reverse("admin:store_listings", args=[store.pk])
    for key, (words, _rows) in MISSING.items():
        yield report.Finding(
            data[f"in_{key}"], words, "", f"{url}?missing={key}", _("View"), key not in HINTS
        )
