"""The buttons and small forms of the product page: SKUs, prices in stores, listings, archive. Each calls a service."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from catalogue import callbacks
from catalogue.admin.editor.gallery import GalleryActs
from catalogue.admin.editor.options import OptionActs
from catalogue.admin.store.columns import DELETE, LISTING
from catalogue.errors import CatalogueError
from catalogue.models import Listing, ListingVariant, Product, Variant
from catalogue.pricing import amount
from catalogue.services import listings as listings_services
from catalogue.services import selling_prices
from catalogue.services import variants as variants_services
from catalogue.services.listing import store_texts
from catalogue.services.listing_state import set_listing_active
from channels.models import Connection, Difference
from channels.reconcile import parts
from oms.kit.admin.pages import Page
from oms.kit.authors.actors import person
from oms.kit.numbers import whole_number

VIEW = "catalogue.view_product"
CHANGE = "catalogue.change_product"
ACCEPT = "channels.change_difference"
#: Columns of the SKU table that can be edited; a form field is named `<name>-<variant id>`.
GRID = (
    "sku", "barcode", "price", "selling_price", "cost", "weight_grams", "dimensions", "reorder_point",
)  # fmt: skip
PRICES = ("price", "selling_price")
#: The card to which the page returns after an action.
PLACES = {
    **dict.fromkeys(GalleryActs.needs, "pictures"),
    **dict.fromkeys(OptionActs.needs, "options"),
}


def with_read_only(sentence: str, store: Connection) -> str:
    """Return `sentence` with the name of the store; for a read-only store with the note that nothing is sent yet."""
    if store.is_read_only:
        why = gettext("The store is read-only: this is sent when it is live.")
        return f"{sentence % store.name} {why}"
    return sentence % store.name


def read_seen(text: str) -> dict[str, dict[str, str]]:
    """Return what the table of SKUs showed, by id and field, from its hidden field; {} for anything else."""
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        key: {name: value for name, value in fields.items() if isinstance(value, str)}
        for key, fields in found.items()
        if isinstance(fields, dict)
    }


def field_words(row: Difference) -> str:
    """Return the name of the field of a difference."""
    part = parts.part_of(row.part)
    return str(part.fields.get(row.field, row.field)) if part is not None else row.field


def _day(text: str) -> date | None:
    """Return the day of a date field. Raise `CatalogueError` for anything else."""
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise CatalogueError(gettext("“%s” is not a date. Enter it as 2026-12-24.") % text) from error


class ProductAct(GalleryActs, OptionActs, Page):
    """Do what a button or small form of the product page asks for; each action has its own permission."""

    permission = VIEW
    write_permission = (CHANGE, LISTING, DELETE)
    needs = {
        "variants": CHANGE,
        "price": CHANGE,
        "update": LISTING,
        "on": LISTING,
        "off": LISTING,
        "withdraw": LISTING,
        "delete": DELETE,
        "accept": ACCEPT,
        "archive": CHANGE,
        "unarchive": CHANGE,
        **GalleryActs.needs,
        **OptionActs.needs,
    }

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Products"), reverse("admin:catalogue_product_changelist"))]

    def get(self, request: HttpRequest, pk: int, what: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:catalogue_product_change", args=[pk]))

    def post(self, request: HttpRequest, pk: int, what: str) -> HttpResponse:
        product = get_object_or_404(Product, pk=pk)
        back = reverse("admin:catalogue_product_change", args=[pk])
        place = f"#{PLACES[what]}" if what in PLACES else ""
        if what not in self.needs:
            raise Http404(gettext("This action does not exist."))
        if not request.user.has_perm(self.needs[what]):
            messages.error(request, gettext("Your role does not allow this."))
            return HttpResponseRedirect(back)
        is_asked = what in ("delete", "accept", *self.asks) and "confirmed" not in request.POST
        try:
            if is_asked:
                answer: HttpResponse = getattr(self, f"ask_{what}")(request, product, back)
                return answer
            message = getattr(self, f"do_{what}")(request, product)
        except CatalogueError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, message)
        return HttpResponseRedirect(f"{back}{place}")

    def _listing(self, request: HttpRequest, product: Product) -> Listing:
        pk = request.POST.get("listing", "")
        rows = Listing.objects.select_related("connection").filter(product=product)
        return get_object_or_404(rows, pk=whole_number(pk) or 0)

    def ask_delete(self, request: HttpRequest, product: Product, back: str) -> HttpResponse:
        listing = self._listing(request, product)
        self.title = gettext("Delete from %s") % listing.connection.name
        return self.confirm(
            question=gettext("Delete “%(title)s” from %(store)s?")
            % {"title": listing.remote_title or product.title, "store": listing.connection.name},
            button=gettext("Delete from store"),
            back=back,
            is_dangerous=True,
            lines=[
                gettext("It is deleted in the store, with its address and its reviews."),
                gettext("The product, its SKUs and its stock stay in Manifold. It can be listed again."),
            ],
            hidden=[("listing", listing.pk)],
        )

    def ask_accept(self, request: HttpRequest, product: Product, back: str) -> HttpResponse:
        listing = self._listing(request, product)
        rows = store_texts.of_listing(listing)
        if not rows:
            raise CatalogueError(
                gettext(
                    "No open difference of %s has a value to accept. Press Compare now in Reconcile first."
                )
                % listing.connection.name
            )
        self.title = gettext("Use the details of %s") % listing.connection.name
        return self.confirm(
            question=gettext("Use the details of %(store)s for “%(title)s”?")
            % {"store": listing.connection.name, "title": product.title},
            button=gettext("Use the store's details"),
            back=back,
            lines=[
                *(
                    gettext("%(field)s: “%(own)s” becomes “%(store)s”.")
                    % {"field": field_words(row), "own": row.ours, "store": row.theirs}
                    for row in rows
                ),
                gettext("Other stores that list the product are sent them."),
            ],
            hidden=[("listing", listing.pk)],
        )

    def do_accept(self, request: HttpRequest, product: Product) -> str:
        listing = self._listing(request, product)
        done, refused = store_texts.accept(listing, by=person(request.user))
        if refused:
            raise CatalogueError(" ".join(refused))
        return ngettext("%d detail of the store is used.", "%d details of the store are used.", done) % done

    def do_variants(self, request: HttpRequest, product: Product) -> str:
        """Save all rows of the SKU table, or none: an error names the first SKU that cannot be saved."""
        post = request.POST
        seen = read_seen(post.get("seen", ""))
        with transaction.atomic():
            for variant in product.variants.current().order_by("pk"):
                typed = {
                    name: post[f"{name}-{variant.pk}"] for name in GRID if f"{name}-{variant.pk}" in post
                }
                if not typed:
                    continue
                self._save(
                    variant,
                    typed,
                    seen.get(str(variant.pk), {}),
                    is_stopped=f"is_stopped-{variant.pk}" in post,
                )
                is_counted = f"not_counted-{variant.pk}" not in post
                if is_counted != variant.is_counted:
                    callbacks.set_tracking([variant.pk], is_counted=is_counted, by=person(request.user))
        return gettext("SKUs were saved.")

    @staticmethod
    def _save(variant: Variant, typed: dict[str, str], seen: dict[str, str], *, is_stopped: bool) -> None:
        """Save what the person changed of one SKU; `seen` is what the table showed. Without it, all cells are saved."""
        typed = {name: value for name, value in typed.items() if seen.get(name) != value.strip()}
        was = {name: seen[name] for name in typed if name in seen}
        changes = {name: value for name, value in typed.items() if name in variants_services.EDITABLE}
        prices = {name: value for name, value in typed.items() if name in PRICES}
        try:
            row = variants_services.edit_variant(
                variant, changes, was={name: value for name, value in was.items() if name in changes}
            )
            if any(amount(value, name) != getattr(variant, name) for name, value in prices.items()) or (
                set(prices) & set(was)
            ):
                selling_prices.edit_price(
                    row, prices, was={name: value for name, value in was.items() if name in prices}
                )
        except CatalogueError as error:
            raise CatalogueError(f"{variant.sku}: {error}") from None
        if is_stopped != variant.is_stopped:
            listings_services.stop_selling(variants=[row], stopped=is_stopped)

    def do_price(self, request: HttpRequest, product: Product) -> str:
        """Save the prices of one SKU in one store, and whether it is sold in that store."""
        post = request.POST
        pk = post.get("listed", "")
        rows = ListingVariant.objects.select_related("connection", "variant").filter(variant__product=product)
        row = get_object_or_404(rows, pk=whole_number(pk) or 0)
        first, last = _day(post.get("sale_first", "")), _day(post.get("sale_last", ""))
        with transaction.atomic():
            selling_prices.set_price(
                row, price=post.get("price", ""), selling_price=post.get("selling_price", "")
            )
            if "sale_first" in post and (first, last) != selling_prices.sale_days(row):
                selling_prices.set_sale_dates(row, first=first, last=last)
        is_stopped = bool(post.get("is_stopped"))
        if is_stopped != row.is_stopped:
            listings_services.stop_selling(listing_variants=[row], stopped=is_stopped)
        return gettext("%(sku)s in %(store)s was saved.") % {
            "sku": row.external_sku,
            "store": row.connection.name,
        }

    def do_update(self, request: HttpRequest, product: Product) -> str:
        listing = self._listing(request, product)
        variants_services.send_listing_again(listing)
        return gettext("The details are sent to %s again.") % listing.connection.name

    def do_on(self, request: HttpRequest, product: Product) -> str:
        listing = self._listing(request, product)
        set_listing_active(listing, active=True)
        return with_read_only(gettext("Activated in %s."), listing.connection)

    def do_off(self, request: HttpRequest, product: Product) -> str:
        listing = self._listing(request, product)
        set_listing_active(listing, active=False)
        return with_read_only(
            gettext("Deactivated in %s. It cannot be bought in this store until you activate it again."),
            listing.connection,
        )

    def do_withdraw(self, request: HttpRequest, product: Product) -> str:
        listing = self._listing(request, product)
        variants_services.withdraw_listing(listing)
        return (
            gettext("The listing was withdrawn: nothing is sent to %s. The product can be listed again.")
            % listing.connection.name
        )

    def do_archive(self, request: HttpRequest, product: Product) -> str:
        variants_services.archive_product(product)
        return gettext(
            "The product was archived. It is in the tab Archived of the products, with its history."
        )

    def do_unarchive(self, request: HttpRequest, product: Product) -> str:
        variants_services.archive_product(product, archived=False)
        return gettext("The product was restored. It is in the list of products again.")

    def do_delete(self, request: HttpRequest, product: Product) -> str:
        listing = self._listing(request, product)
        listings_services.delete_listing(listing)
        return with_read_only(gettext("The listing is being deleted from %s."), listing.connection)
