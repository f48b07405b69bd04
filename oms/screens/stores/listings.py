"""What stands on a store, and what can be done to chosen listings of it: activate, deactivate, delete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import Exists, F, OuterRef, Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from catalogue.models import Listing, ListingVariant, ProductImage, Variant, sku_key
from catalogue.services import bulk_listings
from channels.contract.spec import Capability
from oms.screens.stores.base import StorePage, go
from oms.screens.stores.tabs import chosen, page_of

_TWIN = Variant.objects.filter(barcode=OuterRef("variant__barcode")).exclude(pk=OuterRef("variant"))
#: What the report of the first sync counts (R-CAT-14), as a filter of the store's listings: `?missing=<key>`.
MISSING: dict[str, tuple[Any, Q]] = {
    "price": (_("SKUs without a price"), Q(variant__price=None)),
    "zero": (_("SKUs with a price of 0"), Q(variant__price=0)),
    "currency": (
        _("SKUs whose price here is in another currency"),
        ~Q(variant__currency="") & ~Q(variant__currency=F("connection__currency")),
    ),
    "sku": (
        _("SKUs with the barcode of another SKU: one product twice?"),
        ~Q(variant__barcode="") & Q(Exists(_TWIN)),
    ),
    "blocked": (_("SKUs whose stock the channel does not take"), ~Q(listing__stock_blocked="")),
    "picture": (_("Products without a picture"), Q(listing__product__images=None)),
    "text": (_("Products without a description"), Q(listing__product__description="")),
    "attributes": (_("Products without attributes"), Q(listing__product__attributes={})),
    "stock": (_("SKUs without stock there"), Q(remote_quantity=None) | Q(remote_quantity__lte=0)),
}
#: Of these the products are counted, of the others the SKUs; and these are only a hint, the others are wrong.
OF_PRODUCTS = frozenset({"picture", "text", "attributes"})
HINTS = OF_PRODUCTS | {"stock"}


#: What can be done to chosen listings: verb, words, what the channel must be able to do, permission.
VERBS: tuple[tuple[str, Any, Capability, str], ...] = (
    ("on", _("Activate"), Capability.SET_LISTING_ACTIVE, "catalogue.change_listing"),
    ("off", _("Deactivate"), Capability.SET_LISTING_ACTIVE, "catalogue.change_listing"),
    ("delete", _("Delete there…"), Capability.DELETE_LISTING, "catalogue.delete_listing"),
)


def say_tally(request: HttpRequest, verb: str, tally: bulk_listings.Tally) -> None:
    """What came of it: one sentence for what is done, one for each reason of a refusal."""
    done = {
        "on": ngettext("%d listing is switched on.", "%d listings are switched on.", tally.done),
        "off": ngettext("%d listing is switched off.", "%d listings are switched off.", tally.done),
        "delete": ngettext("%d listing is being deleted.", "%d listings are being deleted.", tally.done),
    }
    if tally.done:
        messages.success(request, done[verb] % tally.done)
    for reason, count in tally.refused.most_common(5):
        messages.error(request, reason if count == 1 else f"{reason} ({count:,})")


class Listings(StorePage):
    """What stands on this store: state, price, quantity there, offered, last sent."""

    title = _("Listings")
    tab = "store_listings"
    permission: ClassVar[Any] = "catalogue.view_listing"
    write_permission: ClassVar[Any] = ("catalogue.change_listing", "catalogue.delete_listing")
    template_name = "oms/stores/listings.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        first_image = ProductImage.objects.order_by("position", "id")
        rows = (
            ListingVariant.objects.filter(connection=self.store)
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
        """(verb, words, why it is off) of what can be done to chosen listings."""
        user, shown = self.request.user, []
        for verb, words, capability, permission in VERBS:
            off = self.store.why_not(capability)
            if not off and not user.has_perm(permission):
                off = _t("Your role may not do this.")
            shown.append((verb, words, off))
        return shown

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Activate, deactivate or delete the chosen listings; deleting asks first."""
        verb = request.POST.get("do", "")
        off = next(
            (why for name, _words, why in self.verbs() if name == verb), _t("There is no such action.")
        )
        rows = Listing.objects.filter(connection=self.store, pk__in=chosen(request)[:500])
        listings = list(rows.select_related("connection", "product"))
        if off:
            messages.error(request, off)
        elif not listings:
            messages.warning(request, _t("Choose at least one listing."))
        elif verb == "delete" and "confirmed" not in request.POST:
            return self.ask(listings)
        else:
            say_tally(request, verb, bulk_listings.act_on_listings(verb, listings))
        return go("store_listings", pk)

    def ask(self, listings: Sequence[Listing]) -> HttpResponse:
        words = ngettext(
            "Delete %(n)d listing from %(store)s?", "Delete %(n)d listings from %(store)s?", len(listings)
        )
        return self.confirm(
            question=words % {"n": len(listings), "store": self.store.name},
            lines=[
                ", ".join(row.remote_title or row.product.title for row in listings[:10])
                + (" …" if len(listings) > 10 else ""),
                _t("They are deleted in the store, with their addresses and reviews there."),
                _t("The products, their SKUs and their stock stay here, and can be listed again."),
            ],
            button=_t("Delete there"),
            back=reverse("admin:store_listings", args=[self.store.pk]),
            is_dangerous=True,
            hidden=[("do", "delete"), *(("row", row.pk) for row in listings)],
        )
