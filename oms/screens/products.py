"""The products of the house: the list, and making a new one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Q, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from catalogue.errors import CatalogueError
from catalogue.models import Listing, Product, ProductImage, Variant, sku_key
from catalogue.services import products as products_services
from channels.models import Connection
from inventory.models import StockItem
from oms.kit.admin.base import dress
from oms.kit.admin.pages import Page
from oms.screens.brands import brand_field
from oms.screens.paging import Keyset

VIEW = "catalogue.view_product"
CHANGE = "catalogue.change_product"
ADD = "catalogue.add_product"
SHOWN_SKUS = 3
LISTING_COLOURS = {
    Listing.State.DRAFT: "default",
    Listing.State.PENDING: "info",
    Listing.State.ACTIVE: "success",
    Listing.State.INACTIVE: "warning",
    Listing.State.REMOVED: "default",
}


class ProductList(Page):
    title = _("Products")
    permission = VIEW
    write_permission = ADD
    template_name = "catalogue/products.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        get = request.GET
        text, store, archived = get.get("q", "").strip()[:120], get.get("store", ""), get.get("archived", "")
        products = Product.objects.filter(is_archived=bool(archived)).select_related("brand")
        if text:
            named = Variant.objects.filter(sku_key__startswith=sku_key(text)).values("product")
            products = products.filter(Q(pk__in=named) | Q(title__istartswith=text))
        if store.isdigit():
            on_it = Listing.objects.filter(connection_id=int(store)).exclude(state=Listing.State.REMOVED)
            products = products.filter(pk__in=on_it.values("product"))
        keyset = Keyset(get, ("title", "pk"), {"q": text, "store": store, "archived": archived})
        page = keyset.page(products)
        self._fill(page.rows)
        return self.render(
            page=page,
            text=text,
            store=store,
            archived=archived,
            stores=list(Connection.objects.stores().only("pk", "name")),
            is_narrowed=bool(text or store or archived),
            colours=LISTING_COLOURS,
            shown_skus=SHOWN_SKUS,
        )

    @staticmethod
    def _fill(rows: list[Any]) -> None:
        """What stands beside each product, in four queries for the page."""
        ids = [product.pk for product in rows]
        variants, images, stock = defaultdict(list), {}, {}
        for variant in Variant.objects.filter(product__in=ids).order_by("position", "id"):
            variants[variant.product_id].append(variant)
        for image in ProductImage.objects.filter(product__in=ids).order_by("-position", "-id"):
            images[image.product_id] = image.url
        sums = StockItem.objects.filter(variant__product__in=ids).values("variant__product").order_by()
        for row in sums.annotate(a=Sum("on_hand"), b=Sum("allocated")):
            stock[row["variant__product"]] = (row["a"], row["b"])
        listings = defaultdict(list)
        on = Listing.objects.filter(product__in=ids).exclude(state=Listing.State.REMOVED)
        for listing in on.select_related("connection").order_by("connection__name"):
            listings[listing.product_id].append(listing)
        for product in rows:
            own = variants[product.pk]
            prices = sorted(variant.price for variant in own if variant.price is not None)
            product.skus, product.more = own[:SHOWN_SKUS], len(own) - SHOWN_SKUS
            product.thumb = images.get(product.pk, "")
            product.low, product.high = (prices[0], prices[-1]) if prices else (None, None)
            product.currency = own[0].currency if own else ""
            product.on_hand, product.held = stock.get(product.pk, (0, 0))
            product.available = product.on_hand - product.held
            product.shown = listings[product.pk]


class ProductForm(forms.Form):
    """A new product. A group has one line per variant: its SKU, its option values, its price."""

    title = forms.CharField(label=_("Title"), max_length=300)
    sku = forms.CharField(
        label=_("SKU"), max_length=120, required=False, help_text=_("For a product without variations.")
    )
    price = forms.CharField(label=_("Price"), max_length=20, required=False)
    selling_price = forms.CharField(
        label=_("Selling price"),
        max_length=20,
        required=False,
        help_text=_("The offer, when it is lower than the price."),
    )
    currency = forms.CharField(label=_("Currency"), max_length=3, required=False)
    barcode = forms.CharField(label=_("Barcode"), max_length=64, required=False)
    brand = brand_field()
    warranty = forms.CharField(label=_("Warranty"), required=False, widget=forms.Textarea(attrs={"rows": 2}))
    description = forms.CharField(
        label=_("Description"), required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    images = forms.CharField(
        label=_("Pictures"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("One address (https://…) a line; the first is the main one."),
    )
    options = forms.CharField(
        label=_("Options of a group"),
        max_length=200,
        required=False,
        help_text=_("Leave empty for a single product; else such as: Size, Colour"),
    )
    variants = forms.CharField(
        label=_("Variants of a group"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("One a line: SKU, a value for each option, price. Such as: TEE-M-RED, M, Red, 24.00"),
    )

    def new_variants(self) -> list[products_services.NewVariant]:
        """The SKUs as typed; raises `CatalogueError` for a line that does not fit the options."""
        data = self.cleaned_data
        options = [name.strip() for name in data["options"].split(",") if name.strip()]
        rows = [line for line in data["variants"].splitlines() if line.strip()]
        if not options and not rows:
            return [
                products_services.NewVariant(
                    sku=data["sku"],
                    price=data["price"],
                    selling_price=data["selling_price"],
                    currency=data["currency"],
                    barcode=data["barcode"],
                )
            ]
        found = []
        for number, row in enumerate(rows, start=1):
            parts = [part.strip() for part in row.split(",")]
            if len(parts) not in (len(options) + 1, len(options) + 2):
                raise CatalogueError(
                    _t(
                        "Line %(number)d of the variants needs a SKU, %(count)d option values and a price: “%(row)s”."
                    )
                    % {"number": number, "count": len(options), "row": row.strip()}
                )
            price = parts[len(options) + 1] if len(parts) > len(options) + 1 else data["price"]
            found.append(
                products_services.NewVariant(
                    sku=parts[0],
                    options=dict(zip(options, parts[1 : len(options) + 1], strict=True)),
                    price=price,
                    selling_price=data["selling_price"],
                    currency=data["currency"],
                )
            )
        return found


class NewProduct(Page):
    title = _("New product")
    permission = ADD
    template_name = "catalogue/product_new.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Products"), reverse("admin:catalogue_product_changelist"))]

    def get(self, request: HttpRequest) -> HttpResponse:
        own = (
            Connection.objects.stores().exclude(currency="").order_by("pk").values_list("currency", flat=True)
        )
        known = {"sku": request.GET.get("sku", ""), "currency": own.first() or ""}
        return self.render(form=dress(ProductForm(initial=known)))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = ProductForm(request.POST)
        if form.is_valid():
            data = form.cleaned_data
            try:
                product = products_services.create_product(
                    title=data["title"],
                    variants=form.new_variants(),
                    description=data["description"],
                    warranty=data["warranty"],
                    brand=data["brand"],
                    image_urls=[url.strip() for url in data["images"].splitlines() if url.strip()],
                )
            except CatalogueError as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, _t("“%s” is made. List it on your stores below.") % product.title)
                return HttpResponseRedirect(reverse("admin:catalogue_product_change", args=[product.pk]))
        return self.render(form=dress(form))


ROUTES = [
    ("catalogue/product/", ProductList, "catalogue_product_changelist"),
    ("catalogue/product/add/", NewProduct, "catalogue_product_add"),
]
