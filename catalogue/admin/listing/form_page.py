"""The page on which a product is listed on one store, or its listing is edited."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalogue.admin.listing.forms import ListingFields
from catalogue.admin.store.columns import LISTING
from catalogue.errors import CatalogueError
from catalogue.models import Listing, Product
from catalogue.services.editing.options import options_of
from catalogue.services.listing import categories, drafts
from catalogue.services.listing.attributes import attributes_of, import_attributes, prefilled
from catalogue.services.listing.checks import problems_of
from catalogue.services.listing.previews import StorePreview, preview
from channels.contract.spec import Capability
from channels.models import Connection
from oms.kit.admin.base import dress
from oms.kit.admin.pages import Page


class ListOnStore(Page):
    """Category, title and attributes of a product's listing on one store. Saving sends nothing for a new listing."""

    permission: ClassVar[Any] = LISTING
    template_name = "catalogue/listing/form.html"
    product: Product
    store: Connection
    listing: Listing | None

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        rows = Product.objects.select_related("brand")
        self.product = get_object_or_404(rows, pk=kwargs["pk"])
        self.store = get_object_or_404(Connection.objects.stores(), pk=kwargs["store"])
        self.listing = drafts.draft_of_product(self.product, self.store)
        words = gettext("Edit the listing on %s") if self.is_on_store else gettext("List on %s")
        self.title, self.subtitle = words % self.store.name, self.product.title

    @property
    def is_on_store(self) -> bool:
        """Whether the store has the listing: the form changes it there."""
        return self.listing is not None and bool(self.listing.external_id)

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [
            (_("Products"), reverse("admin:catalogue_product_changelist")),
            (self.product.title, reverse("admin:catalogue_product_change", args=[self.product.pk])),
        ]

    def off(self) -> str:
        """Return why the channel takes no such listing or change; "" when it does."""
        if self.is_on_store:
            return self.store.why_not(Capability.UPDATE_LISTING)
        is_group = self.product.kind == Product.Kind.GROUP
        return self.store.why_not(
            Capability.CREATE_LISTING_GROUP if is_group else Capability.CREATE_LISTING_SINGLE
        )

    def get(self, request: HttpRequest, pk: int, store: int) -> HttpResponse:
        if self.listing is not None:
            external_ids = list(self.listing.category_external_ids)
        else:
            external_ids = drafts.suggested_categories(self.product, self.store)
        form = self.form(external_ids, None)
        form.initial = {**form.initial, **self.initial(external_ids)}
        return self.page(form, external_ids)

    def initial(self, external_ids: list[str]) -> dict[str, Any]:
        texts = categories.texts_of(self.store, external_ids)
        return {
            "category": texts[0] if texts else "",
            "more_categories": "\n".join(texts[1:]),
            "title": self.listing.own_title if self.listing is not None else "",
            "remembers": True,
        }

    def form(self, external_ids: list[str], data: Any) -> ListingFields:
        """Return the form with the attributes of the first category, which are imported now if they are not known."""
        if external_ids and (reason := import_attributes(self.store, external_ids[0])):
            messages.warning(
                self.request, gettext("The attributes of this category are not known yet: %s") % reason
            )
        known = attributes_of(self.store, external_ids)
        own = self.listing.own_attributes if self.listing is not None else {}
        values = prefilled(self.product, self.store, external_ids, known, own)
        rules = self.store.spec.listing_rules
        if not rules.by_category:
            values = {**(self.product.attributes if rules.free_attributes else {}), **values, **own}
        return ListingFields(
            data,
            store=self.store,
            attributes=known,
            values=values,
            product_title=self.product.title,
            options=options_of(self.product) if self.product.kind == Product.Kind.GROUP else {},
            own=drafts.chosen_by_option(self.listing) if self.listing is not None else {},
        )

    def post(self, request: HttpRequest, pk: int, store: int) -> HttpResponse:
        """Save the form; after another category was chosen, show its attributes first."""
        first = self.form(request.POST.get("of_category", "").split(), request.POST)
        if not first.is_valid():
            return self.page(first, request.POST.get("of_category", "").split())
        try:
            external_ids = first.entered_categories()
        except CatalogueError as error:
            first.add_error("category", str(error))
            return self.page(first, request.POST.get("of_category", "").split())
        is_other = external_ids[:1] != request.POST.get("of_category", "").split()
        if is_other and external_ids and self.store.spec.listing_rules.by_category:
            form = self.form(external_ids, None)
            typed = {name: first.cleaned_data[name] for name in ("title", "remembers")}
            form.initial = {**form.initial, **self.initial(external_ids), **typed}
            return self.page(form, external_ids)
        try:
            if "preview" in request.POST and self.is_on_store:
                return self.page(first, external_ids, self.previews(first, external_ids))
            return self.save(first, external_ids)
        except CatalogueError as error:
            first.add_error(None, str(error))
            return self.page(first, external_ids)

    def save(self, form: ListingFields, external_ids: list[str]) -> HttpResponse:
        entered = form.entered(external_ids)
        if self.is_on_store:
            assert self.listing is not None
            changed = drafts.update_listing(self.listing, entered)
            words = (
                gettext("Saved. The change is sent to %s.")
                if changed
                else gettext("Nothing was changed for %s.")
            )
            messages.success(self.request, words % self.store.name)
            listing = self.listing
        else:
            remembers = form.cleaned_data["remembers"]
            listing = drafts.save_draft(self.product, self.store, entered, remembers=remembers)
            messages.success(self.request, gettext("The draft was saved. Nothing was sent yet."))
        return HttpResponseRedirect(reverse("admin:catalogue_listing_change", args=[listing.pk]))

    def previews(self, form: ListingFields, external_ids: list[str]) -> list[StorePreview]:
        """Return what the store would be sent for the form as it is typed. Nothing is saved."""
        listing, entered = self.listing, form.entered(external_ids)
        assert listing is not None
        found = preview(self.product, lambda: drafts.update_listing(listing, entered))
        return [one for one in found if one.listing.pk == listing.pk]

    def page(
        self, form: ListingFields, external_ids: list[str], previews: list[StorePreview] | None = None
    ) -> HttpResponse:
        rules = self.store.spec.listing_rules
        return self.render(
            form=dress(form),
            store=self.store,
            product=self.product,
            listing=self.listing,
            rules=rules,
            of_category=" ".join(external_ids[:1]),
            needs_category_first=rules.by_category and not external_ids,
            is_on_store=self.is_on_store,
            previews=previews,
            previews_note=gettext("Nothing is saved or sent yet."),
            problems=problems_of(self.listing) if self.listing is not None and not self.is_on_store else [],
            pictures=self.product.images.filter(variant=None).count(),
            off=self.off(),
            back=reverse("admin:catalogue_product_change", args=[self.product.pk]),
        )
