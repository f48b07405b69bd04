"""List many products on one store: choose the store, then categories and attributes on one page, then a job."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalogue.admin.listing.forms import AttributeFields, category_field
from catalogue.admin.store.columns import LISTING
from catalogue.errors import CatalogueError
from catalogue.models import Product, ProductCategory
from catalogue.services.listing import bulk, categories
from catalogue.services.listing.attributes import (
    ListingAttribute,
    attributes_of,
    import_attributes,
    remembered,
)
from channels.contract.spec import Capability
from channels.models import Connection
from oms.kit.admin.actions import AT_MOST, keys_in
from oms.kit.admin.base import dress
from oms.kit.admin.pages import Page, add, form_token, is_repeated
from oms.kit.numbers import whole_number

#: Categories of one page: more are listed in a second go.
MOST_GROUPS = 40


class CategoryForm(forms.Form):
    """The category of one group of products."""

    def __init__(self, *args: Any, store: Connection, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["category"] = category_field(store)


@dataclass(slots=True)
class Part:
    """The products of one of Manifold's categories (None: without one) on the page, with their forms."""

    key: str
    category: ProductCategory | None
    products: list[Product]
    external_ids: list[str]
    form: Any = None
    attributes: Any = None
    known: list[ListingAttribute] = field(default_factory=list)

    @property
    def titles(self) -> list[str]:
        """The titles of the first products."""
        return [product.title for product in self.products[:5]]


class ListMany(Page):
    """The mapping page: one category and its attributes for all products of one of Manifold's categories."""

    title: Any = _("List products on a store")
    permission: ClassVar[Any] = LISTING
    template_name = "catalogue/listing/many.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Products"), reverse("admin:catalogue_product_changelist"))]

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.choose(keys_in(request.GET.get("ids", "")))

    def choose(self, ids: Sequence[int]) -> HttpResponse:
        """Show the stores that can list products; the others with the reason."""
        stores = [
            (store, store.why_not(Capability.CREATE_LISTING_SINGLE))
            for store in Connection.objects.stores().order_by("name")
            if store.has_wire and store.state != Connection.State.DISCONNECTED
        ]
        count = Product.objects.current().filter(pk__in=ids).count()
        return self.render(ids=",".join(map(str, ids)), stores=stores, count=count)

    def post(self, request: HttpRequest) -> HttpResponse:
        ids = keys_in(request.POST.get("ids", ""))
        rows = Connection.objects.stores()
        store = rows.filter(pk=whole_number(request.POST.get("store", "")) or 0).first()
        if not ids or store is None or store.why_not(Capability.CREATE_LISTING_SINGLE):
            messages.warning(request, gettext("Choose products and a store that can list them."))
            return HttpResponseRedirect(reverse("admin:catalogue_product_changelist"))
        parts = self.parts(ids, store)
        if "step" not in request.POST:
            return self.page(ids, store, parts)
        if not self.read(request, store, parts):
            return self.page(ids, store, parts)
        return self.start(request, store, parts)

    def parts(self, ids: Sequence[int], store: Connection) -> list[Part]:
        """Return the products by their category, each with the categories of the store to which it is mapped."""
        rows = (
            Product.objects.current().filter(pk__in=ids[:AT_MOST]).select_related("category").order_by("pk")
        )
        by_category: dict[int | None, list[Product]] = defaultdict(list)
        for product in rows:
            by_category[product.category_id].append(product)
        mappings = categories.Mappings(store)
        found = [
            Part(f"g{key or 0}", products[0].category, products, mappings.of(key)[0])
            for key, products in by_category.items()
        ]
        return sorted(found, key=lambda part: str(part.category or ""))[:MOST_GROUPS]

    def set_forms(self, store: Connection, part: Part, data: Any) -> None:
        """Set the forms of a part. The attributes of its category are imported now, if they are not known."""
        texts = categories.texts_of(store, part.external_ids)
        initial = {"category": texts[0] if texts else ""}
        part.form = CategoryForm(data, store=store, prefix=part.key, initial=initial)
        if not part.external_ids and store.spec.listing_rules.by_category:
            return
        if part.external_ids and (reason := import_attributes(store, part.external_ids[0])):
            messages.warning(self.request, f"{texts[0]}: {reason}")
        part.known = attributes_of(store, part.external_ids)
        values = remembered(store, next(iter(part.external_ids), ""))
        part.attributes = AttributeFields(
            data, store=store, attributes=part.known, values=values, prefix=f"{part.key}a"
        )

    def read(self, request: HttpRequest, store: Connection, parts: Sequence[Part]) -> bool:
        """Read the forms; return whether all are right and show the attributes of the chosen categories."""
        is_whole = True
        for part in parts:
            form = CategoryForm(request.POST, store=store, prefix=part.key)
            try:
                text = form.cleaned_data["category"] if form.is_valid() else ""
                part.external_ids = categories.find_all(store, text)
            except CatalogueError as error:
                part.external_ids = []
                form.add_error("category", str(error))
            if not form.is_valid():
                part.form, is_whole = form, False
                continue
            seen = request.POST.get(f"{part.key}-of", "").split()
            is_new = seen != part.external_ids[:1]
            is_by_category = store.spec.listing_rules.by_category
            self.set_forms(store, part, None if is_new and is_by_category else request.POST)
            if (is_new and is_by_category and part.external_ids) or (
                part.attributes is not None and part.attributes.is_bound and not part.attributes.is_valid()
            ):
                is_whole = False
            if store.spec.listing_rules.needs_category and not part.external_ids:
                part.form = form
                form.add_error("category", gettext("Choose a category."))
                is_whole = False
        return is_whole

    def page(self, ids: Sequence[int], store: Connection, parts: Sequence[Part]) -> HttpResponse:
        """Show the mapping page."""
        for part in parts:
            if part.form is None:
                self.set_forms(store, part, None)
            dress(part.form)
            if part.attributes is not None:
                dress(part.attributes)
        self.title = gettext("List on %s") % store.name
        shown = sum(len(part.products) for part in parts)
        return self.render(
            "catalogue/listing/many_map.html",
            ids=",".join(map(str, ids)),
            store=store,
            parts=parts,
            count=shown,
            left_out=max(len(ids) - shown, 0),
            token=form_token(),
        )

    def start(self, request: HttpRequest, store: Connection, parts: Sequence[Part]) -> HttpResponse:
        """Start the job; the categories are remembered as the mappings of Manifold's categories, where this is ticked."""
        groups = [
            bulk.Group(
                [product.pk for product in part.products],
                part.external_ids,
                part.attributes.chosen() if part.attributes is not None else {},
            )
            for part in parts
        ]
        with transaction.atomic():
            if is_repeated(request):
                messages.warning(request, gettext("This form was sent already. Its job is in the list."))
                return HttpResponseRedirect(reverse("admin:jobs"))
            if "remembers" in request.POST and request.user.has_perm("catalogue.change_productcategory"):
                for part in parts:
                    if part.category is not None:
                        categories.set_mapping(part.category, store, part.external_ids)
            publishes = request.POST["step"] == "publish"
            job = bulk.start(store, groups, publishes=publishes, author=request.user)
        return HttpResponseRedirect(reverse("admin:job", args=[job.pk]))


add(("catalogue/list-on-store/", ListMany, "list_many"))
