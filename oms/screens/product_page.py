"""One product: its details, its SKUs with their stock, and what each store shows of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from catalogue.errors import CatalogueError
from catalogue.models import Category, Listing, ListingVariant, Product, Variant
from catalogue.pricing import amount
from catalogue.services import listings as listings_services
from catalogue.services import products, selling_prices
from catalogue.services import variants as variant_verbs
from catalogue.services.listing_state import set_listing_active
from channels.contract.spec import Capability
from channels.models import Connection
from inventory.models import StockItem
from oms.kit.actors import person
from oms.kit.admin.base import dress
from oms.kit.admin.pages import Page
from oms.screens.brands import brand_field
from oms.screens.explain import differs
from oms.screens.products import CHANGE, LISTING_COLOURS, VIEW
from orders.choices import OPEN_STATUSES, STATUS_COLOURS
from orders.models import Order, OrderLine
from orders.services.stock_tracking import set_counted

LISTING = "catalogue.change_listing"
DELETE = "catalogue.delete_listing"
HOLDING_ORDERS = 20
#: What the grid of variants lets people type, as the fields of its form: `<name>-<variant id>`.
GRID = ("sku", "barcode", "price", "selling_price", "cost", "weight_grams", "reorder_point")


class DetailsForm(forms.Form):
    title = forms.CharField(label=_("Title"), max_length=300)
    description = forms.CharField(
        label=_("Description"), required=False, widget=forms.Textarea(attrs={"rows": 5})
    )
    brand = brand_field()
    warranty = forms.CharField(label=_("Warranty"), required=False, widget=forms.Textarea(attrs={"rows": 2}))
    images = forms.CharField(
        label=_("Pictures"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("One address (https://…) a line; the first is the main one."),
    )


def told(words: str, store: Connection) -> str:
    """What was asked for, and whether its store is told now or waits until sending is on."""
    if store.is_read_only:
        return f"{words % store.name} {_t('It is sent once sending is switched on for this store.')}"
    return words % store.name


def typed(row: Any) -> dict[str, str]:
    """The amounts of a SKU as a person would type them: 12.00, 4.155, nothing."""
    found = {}
    for name in ("price", "selling_price", "cost"):
        value = getattr(row, name, None)
        found[name] = (
            "" if value is None else f"{value:.2f}" if value == round(value, 2) else f"{value.normalize():f}"
        )
    return found


class StoreColumn:
    """One store beside the product: its listing, its listed SKUs, and the buttons with their reasons."""

    def __init__(
        self, store: Connection, product: Product, listing: Listing | None, rows: list[ListingVariant]
    ) -> None:
        self.store, self.product, self.listing = store, product, listing
        for row in rows:
            row.connection = store
        self.rows = {row.variant_id: row for row in rows}

    @property
    def is_listed(self) -> bool:
        return self.listing is not None and self.listing.state != Listing.State.REMOVED

    def off(self, capability: Capability) -> str:
        """Why this store cannot do it; empty when it can."""
        if why := self.store.why_not(capability):
            return why
        if self.store.state == Connection.State.DISCONNECTED:
            return _t("This store is disconnected.")
        return ""

    @property
    def buttons(self) -> list[tuple[str, Any, str, str]]:
        """(verb, words, why it is off, permission) for each thing that can be done with the listing."""
        group = self.product.kind == Product.Kind.GROUP
        make = Capability.CREATE_LISTING_GROUP if group else Capability.CREATE_LISTING_SINGLE
        if not self.is_listed:
            return [("list", _("List"), self.off(make), LISTING)]
        waiting = "" if self.listing and self.listing.external_id else _t("It is still being made there.")
        switch = self.off(Capability.SET_LISTING_ACTIVE) or waiting
        is_off = self.listing is not None and self.listing.state == Listing.State.INACTIVE
        return [
            ("update", _("Update"), self.off(Capability.UPDATE_LISTING) or waiting, LISTING),
            ("on", _("Activate"), switch, LISTING) if is_off else ("off", _("Deactivate"), switch, LISTING),
            ("withdraw", _("Withdraw"), "", LISTING)
            if self.listing is not None and self.listing.state == Listing.State.DRAFT
            else ("delete", _("Delete"), self.off(Capability.DELETE_LISTING), DELETE),
        ]


class ProductPage(Page):
    permission = VIEW
    write_permission = (CHANGE, LISTING)
    template_name = "catalogue/product.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Products"), reverse("admin:catalogue_product_changelist"))]

    def get(self, request: HttpRequest, pk: int, form: DetailsForm | None = None) -> HttpResponse:
        product = get_object_or_404(Product.objects.select_related("brand"), pk=pk)
        self.title = product.title
        variants = list(product.variants.order_by("position", "id"))
        shelves: dict[int, list[StockItem]] = defaultdict(list)
        stock = (
            StockItem.objects.filter(variant__in=variants)
            .select_related("warehouse")
            .order_by("warehouse__name")
        )
        for item in stock:
            shelves[item.variant_id].append(item)
        images = list(product.images.order_by("position", "id"))
        own = {image.variant_id: image.url for image in reversed(images) if image.variant_id}
        common = [image.url for image in images if image.variant_id is None]
        form = form or DetailsForm(
            initial={
                "title": product.title,
                "description": product.description,
                "brand": product.brand.name if product.brand else "",
                "warranty": product.warranty,
                "images": "\n".join(common),
            }
        )
        columns = self._columns(product)
        for row in [*variants, *(row for column in columns for row in column.rows.values())]:
            row.typed = typed(row)  # type: ignore[attr-defined]
            row.differs = isinstance(row, ListingVariant) and differs(row)  # type: ignore[attr-defined]
        user = request.user
        may_edit = user.has_perm(CHANGE)
        if not may_edit:
            for field in form.fields.values():
                field.disabled = True
        return self.render(
            product=product,
            form=dress(form),
            images=common or [image.url for image in images][:1],
            variants=[
                (one, own.get(one.pk, common[0] if common else ""), shelves[one.pk]) for one in variants
            ],
            columns=columns,
            matrix=[(one, [(column, column.rows.get(one.pk)) for column in columns]) for one in variants],
            orders=self._orders(variants) if user.has_perm("orders.view_order") else [],
            order_colours=STATUS_COLOURS,
            colours=LISTING_COLOURS,
            may_edit=may_edit,
            archive_off=next(
                (
                    _t("It is on %s: delete it there first.") % column.store.name
                    for column in columns
                    if column.is_listed and not product.is_archived
                ),
                "",
            ),
            allowed={name: user.has_perm(name) for name in (LISTING, DELETE)},
            no_role=_t("Your role may not do this."),
            asked=request.GET.get("list", ""),
            categories=self._categories(request.GET.get("list", "")),
        )

    @staticmethod
    def _columns(product: Product) -> list[StoreColumn]:
        stores = list(Connection.objects.stores().defer("credentials", "webhook_secret").order_by("name"))
        by_store: dict[int, list[ListingVariant]] = defaultdict(list)
        listed = ListingVariant.objects.filter(variant__product=product).select_related("listing", "variant")
        for row in listed.order_by("id"):
            by_store[row.connection_id].append(row)
        listings: dict[int, Listing] = {}
        for listing in Listing.objects.filter(product=product).order_by("id"):
            known = listings.get(listing.connection_id)
            if known is None or known.state == Listing.State.REMOVED:
                listings[listing.connection_id] = listing
        for store in stores:
            if store.pk in listings:
                listings[store.pk].connection = store
        shown = [
            store for store in stores if store.state != Connection.State.DISCONNECTED or store.pk in listings
        ]
        return [StoreColumn(store, product, listings.get(store.pk), by_store[store.pk]) for store in shown]

    @staticmethod
    def _categories(store: str) -> list[Category]:
        """The categories of the store on which the product is about to be listed."""
        if not store.isdigit():
            return []
        return list(Category.objects.filter(connection_id=int(store), is_active=True).order_by("path")[:1000])

    @staticmethod
    def _orders(variants: list[Variant]) -> list[Order]:
        lines = OrderLine.objects.filter(variant__in=variants, order__status__in=OPEN_STATUSES)
        newest = lines.order_by("-order_id").values_list("order_id", flat=True).distinct()[:HOLDING_ORDERS]
        return list(Order.objects.filter(pk__in=list(newest)).select_related("connection").order_by("-id"))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The details that are common to all variants."""
        product = get_object_or_404(Product, pk=pk)
        form = DetailsForm(request.POST)
        if not request.user.has_perm(CHANGE):
            messages.error(request, _t("Your role may not do this."))
            return HttpResponseRedirect(request.path)
        if form.is_valid():
            data = form.cleaned_data
            try:
                products.edit_product(product, {**data, "images": data["images"].splitlines()})
            except CatalogueError as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, _t("Kept. The stores that list it are told where they can be."))
                return HttpResponseRedirect(request.path)
        return self.get(request, pk, form)


class ProductAct(Page):
    """What the buttons and small forms of the product's page do."""

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
            raise Http404(_t("There is no such action."))
        if not request.user.has_perm(self.needs[what]):
            messages.error(request, _t("Your role may not do this."))
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
            button=_t("Delete there"),
            back=back,
            is_dangerous=True,
            lines=[
                _t("It is deleted in the store, with its address and reviews there."),
                _t("The product, its SKUs and its stock stay here, and it can be listed again."),
            ],
            hidden=[("listing", listing.pk)],
        )

    def do_variants(self, request: HttpRequest, product: Product) -> str:
        """Save the whole grid, all or nothing: the first sentence that refuses names its SKU."""
        from django.db import transaction

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
                    set_counted([variant.pk], is_counted=is_counted, by=person(request.user))
        return _t("Kept.")

    @staticmethod
    def _save(variant: Variant, typed: dict[str, str], *, is_stopped: bool) -> None:
        before = (variant.price, variant.selling_price)
        facts = {name: value for name, value in typed.items() if name in variant_verbs.EDITABLE}
        try:
            row = variant_verbs.edit_variant(variant, facts)
            wanted = tuple(amount(typed.get(name), name) for name in ("price", "selling_price"))
            if wanted != before:
                selling_prices.set_price(row, price=wanted[0], selling_price=wanted[1])
        except CatalogueError as error:
            raise CatalogueError(f"{variant.sku}: {error}") from None
        if is_stopped != variant.is_stopped:
            listings_services.stop_selling(variants=[row], stopped=is_stopped)

    def do_price(self, request: HttpRequest, product: Product) -> str:
        """The price of one SKU on one store, and whether it is sold there."""
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
        return _t("%(sku)s on %(store)s: kept.") % {"sku": row.external_sku, "store": row.connection.name}

    def do_list(self, request: HttpRequest, product: Product) -> str:
        pk = request.POST.get("store", "")
        store = get_object_or_404(Connection, pk=int(pk) if pk.isdigit() else 0)
        listings_services.list_on_store(
            product, store, category_external_ids=request.POST.getlist("category")
        )
        if store.is_read_only:
            return _t("It will be made on %s once sending is switched on for it.") % store.name
        return _t("It is being made on %s.") % store.name

    def do_update(self, request: HttpRequest, product: Product) -> str:
        listing = self._listing(request, product)
        variant_verbs.send_listing_again(listing)
        return _t("All of it is sent to %s again.") % listing.connection.name

    def do_on(self, request: HttpRequest, product: Product) -> str:
        listing = self._listing(request, product)
        set_listing_active(listing, active=True)
        return told(_t("It is switched on at %s."), listing.connection)

    def do_off(self, request: HttpRequest, product: Product) -> str:
        listing = self._listing(request, product)
        set_listing_active(listing, active=False)
        return told(
            _t("It is switched off at %s: nobody can buy it there until it is activated again."),
            listing.connection,
        )

    def do_withdraw(self, request: HttpRequest, product: Product) -> str:
        listing = self._listing(request, product)
        variant_verbs.withdraw_listing(listing)
        return _t("It is not put on %s; it can be listed again.") % listing.connection.name

    def do_archive(self, request: HttpRequest, product: Product) -> str:
        variant_verbs.archive_product(product)
        return _t("Archived: it is under Products » Archived, with its history.")

    def do_unarchive(self, request: HttpRequest, product: Product) -> str:
        variant_verbs.archive_product(product, archived=False)
        return _t("It is among the products again.")

    def do_delete(self, request: HttpRequest, product: Product) -> str:
        listing = self._listing(request, product)
        listings_services.delete_listing(listing)
        return told(_t("It is being deleted from %s."), listing.connection)


ROUTES = [
    ("catalogue/product/<int:pk>/", ProductPage, "catalogue_product_change"),
    ("catalogue/product/<int:pk>/do/<slug:what>/", ProductAct, "product_act"),
]
