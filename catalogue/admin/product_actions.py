"""What the page of a product changes: SKUs, prices in stores, listings, the archive. Each by a service."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from catalogue import callbacks
from catalogue.admin.store.columns import DELETE, LISTING
from catalogue.errors import CatalogueError
from catalogue.models import Listing, ListingVariant, Product, Variant
from catalogue.pricing import amount
from catalogue.services import listings as listings_services
from catalogue.services import selling_prices
from catalogue.services import variants as variants_services
from catalogue.services.listing_state import set_listing_active
from channels.models import Connection
from oms.kit.actors import person
from oms.kit.admin.pages import Page

VIEW = "catalogue.view_product"
CHANGE = "catalogue.change_product"
#: What the grid of variants lets people type, as the fields of its form: `<name>-<variant id>`.
GRID = ("sku", "barcode", "price", "selling_price", "cost", "weight_grams", "reorder_point")


def with_read_only(words: str, store: Connection) -> str:
    """Return what was asked for, and that it waits where the store is read-only."""
    if store.is_read_only:
        return f"{words % store.name} {_t('The store is read-only: this is sent when it is live.')}"
    return words % store.name


class ProductAct(Page):
    """What the buttons and small forms of the product's page do; every address asks its own permission."""

    permission = VIEW
    write_permission = (CHANGE, LISTING, DELETE)
    needs = {
        "variants": CHANGE,
        "price": CHANGE,
        "list": LISTING,
        "update": LISTING,
        "on": LISTING,
        "off": LISTING,
        "withdraw": LISTING,
        "delete": DELETE,
        "archive": CHANGE,
        "unarchive": CHANGE,
    }

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Products"), reverse("admin:catalogue_product_changelist"))]

    def get(self, request: HttpRequest, pk: int, what: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:catalogue_product_change", args=[pk]))

    def post(self, request: HttpRequest, pk: int, what: str) -> HttpResponse:
        product = get_object_or_404(Product, pk=pk)
        back = reverse("admin:catalogue_product_change", args=[pk])
        if what not in self.needs:
            raise Http404(_t("This action does not exist."))
        if not request.user.has_perm(self.needs[what]):
            messages.error(request, _t("Your role does not allow this."))
            return HttpResponseRedirect(back)
        if what == "delete" and "confirmed" not in request.POST:
            return self._ask(request, product, back)
        try:
            said = getattr(self, f"do_{what}")(request, product)
        except CatalogueError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, said)
        return HttpResponseRedirect(back)

    def _listing(self, request: HttpRequest, product: Product) -> Listing:
        pk = request.POST.get("listing", "")
        rows = Listing.objects.select_related("connection").filter(product=product)
        return get_object_or_404(rows, pk=int(pk) if pk.isdigit() else 0)

    def _ask(self, request: HttpRequest, product: Product, back: str) -> HttpResponse:
        listing = self._listing(request, product)
        self.title = _t("Delete from %s") % listing.connection.name
        return self.confirm(
            question=_t("Delete “%(title)s” from %(store)s?")
            % {"title": listing.remote_title or product.title, "store": listing.connection.name},
            button=_t("Delete from store"),
            back=back,
            is_dangerous=True,
            lines=[
                _t("It is deleted in the store, with its address and its reviews."),
                _t("The product, its SKUs and its stock stay in Manifold. It can be listed again."),
            ],
            hidden=[("listing", listing.pk)],
        )

    def do_variants(self, request: HttpRequest, product: Product) -> str:
        """Save the whole grid, all or nothing: the first refusal names its SKU."""
        post = request.POST
        with transaction.atomic():
            for variant in product.variants.order_by("pk"):
                typed = {
                    name: post[f"{name}-{variant.pk}"] for name in GRID if f"{name}-{variant.pk}" in post
                }
                if not typed:
                    continue
                self._save(variant, typed, is_stopped=f"is_stopped-{variant.pk}" in post)
                is_counted = f"not_counted-{variant.pk}" not in post
                if is_counted != variant.is_counted:
                    callbacks.set_tracking([variant.pk], is_counted=is_counted, by=person(request.user))
        return _t("SKUs saved.")

    @staticmethod
    def _save(variant: Variant, typed: dict[str, str], *, is_stopped: bool) -> None:
        before = (variant.price, variant.selling_price)
        facts = {name: value for name, value in typed.items() if name in variants_services.EDITABLE}
        try:
            row = variants_services.edit_variant(variant, facts)
            wanted = tuple(amount(typed.get(name), name) for name in ("price", "selling_price"))
            if wanted != before:
                selling_prices.set_price(row, price=wanted[0], selling_price=wanted[1])
        except CatalogueError as error:
            raise CatalogueError(f"{variant.sku}: {error}") from None
        if is_stopped != variant.is_stopped:
            listings_services.stop_selling(variants=[row], stopped=is_stopped)

    def do_price(self, request: HttpRequest, product: Product) -> str:
        """Save the price of one SKU in one store, and whether it is sold in it."""
        post = request.POST
        pk = post.get("listed", "")
        rows = ListingVariant.objects.select_related("connection", "variant").filter(variant__product=product)
        row = get_object_or_404(rows, pk=int(pk) if pk.isdigit() else 0)
        selling_prices.set_price(
            row, price=post.get("price", ""), selling_price=post.get("selling_price", "")
        )
        is_stopped = bool(post.get("is_stopped"))
        if is_stopped != row.is_stopped:
            listings_services.stop_selling(listing_variants=[row], stopped=is_stopped)
        return _t("%(sku)s in %(store)s: saved.") % {"sku": row.external_sku, "store": row.connection.name}

    def do_list(self, request: HttpRequest, product: Product) -> str:
        pk = request.POST.get("store", "")
        store = get_object_or_404(Connection, pk=int(pk) if pk.isdigit() else 0)
        listings_services.list_on_store(
            product, store, category_external_ids=request.POST.getlist("category")
        )
        if store.is_read_only:
            return (
                _t("The listing will be created in %s when the store is live. It is read-only now.")
                % store.name
            )
        return _t("The listing is being created in %s.") % store.name

    def do_update(self, request: HttpRequest, product: Product) -> str:
        listing = self._listing(request, product)
        variants_services.send_listing_again(listing)
        return _t("All details are sent to %s again.") % listing.connection.name

    def do_on(self, request: HttpRequest, product: Product) -> str:
        listing = self._listing(request, product)
        set_listing_active(listing, active=True)
        return with_read_only(_t("Activated in %s."), listing.connection)

    def do_off(self, request: HttpRequest, product: Product) -> str:
        listing = self._listing(request, product)
        set_listing_active(listing, active=False)
        return with_read_only(
            _t("Deactivated in %s. Nobody can buy it in this store until it is activated again."),
            listing.connection,
        )

    def do_withdraw(self, request: HttpRequest, product: Product) -> str:
        listing = self._listing(request, product)
        variants_services.withdraw_listing(listing)
        return (
            _t("Withdrawn: nothing is sent to %s. The product can be listed again.") % listing.connection.name
        )

    def do_archive(self, request: HttpRequest, product: Product) -> str:
        variants_services.archive_product(product)
        return _t("Archived. It is now in the tab Archived of the products, with its history.")

    def do_unarchive(self, request: HttpRequest, product: Product) -> str:
        variants_services.archive_product(product, archived=False)
        return _t("Restored. It is in the list of products again.")

    def do_delete(self, request: HttpRequest, product: Product) -> str:
        listing = self._listing(request, product)
        listings_services.delete_listing(listing)
        return with_read_only(_t("The listing is being deleted from %s."), listing.connection)
