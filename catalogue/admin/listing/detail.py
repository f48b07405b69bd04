"""The page of one listing: what is saved, what is wrong, what will be sent, what the channel refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalogue.admin.store.columns import LISTING, LISTING_COLOURS, StoreColumn
from catalogue.errors import CatalogueError
from catalogue.models import Listing
from catalogue.push.listing_drafts import draft_of
from catalogue.services.listing import categories, checks, drafts, previews
from catalogue.services.listing.checks import FieldProblem
from catalogue.services.variants import withdraw_listing
from channels.contract.spec import Capability
from oms.kit.admin.pages import Page


@dataclass(frozen=True, slots=True)
class ShownProblem:
    """A problem with the address where its field is mended."""

    label: str
    message: str
    url: str


def mend_url(listing: Listing, field: str) -> str:
    """Return the address where this field of a listing is edited: its form, or the page of the product."""
    if field == "store":
        return reverse("admin:store", args=[listing.connection_id])
    if field == "title" or FieldProblem(field, "").is_of_listing:
        return reverse("admin:product_list_on", args=[listing.product_id, listing.connection_id])
    return reverse("admin:catalogue_product_change", args=[listing.product_id])


def shown(listing: Listing, problems: Iterable[FieldProblem]) -> list[ShownProblem]:
    """Return problems as the page shows them."""
    return [ShownProblem(one.label, one.message, mend_url(listing, one.field)) for one in problems]


class ListingPage(Page):
    """One listing. Publish sends it, after all problems are mended; the preview shows each request."""

    permission: ClassVar[Any] = "catalogue.view_listing"
    write_permission: ClassVar[Any] = LISTING
    template_name = "catalogue/listing/page.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Listings"), reverse("admin:catalogue_listing_changelist"))]

    def find(self, pk: int) -> Listing:
        rows = Listing.objects.select_related("connection", "product__brand")
        return get_object_or_404(rows, pk=pk)

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        listing = self.find(pk)
        store, product = listing.connection, listing.product
        self.title = listing.own_title or listing.remote_title or product.title
        self.subtitle = store.name
        is_draft = listing.state == Listing.State.DRAFT and not listing.external_id
        message = drafts.message_of(listing) if is_draft else None
        problems = checks.problems_of(listing) if is_draft else []
        planned, why_not_planned = (
            self.planned(listing) if is_draft and "preview" in request.GET else ([], "")
        )
        column = StoreColumn(store, product, listing, [])
        draft = self.draft(listing)
        return self.render(
            listing=listing,
            store=store,
            product=product,
            colour=LISTING_COLOURS[Listing.State(listing.state)],
            is_draft=is_draft,
            is_waiting=message is not None and message.sent < message.wanted and message.parked_at is None,
            problems=shown(listing, problems),
            refused_label=checks.label_of(listing.refusal_field),
            refused_url=mend_url(listing, listing.refusal_field) if listing.refusal else "",
            categories=categories.texts_of(store, listing.category_external_ids),
            draft=draft,
            planned=planned,
            has_changes=bool(listing.external_id and listing.changed_fields),
            previews=[previews.waiting(listing)]
            if listing.external_id and listing.changed_fields and "preview" in request.GET
            else None,
            previews_note=gettext("These changes are saved and wait to be sent."),
            why_not_planned=why_not_planned,
            publish_off=self.publish_off(problems),
            edit_off=self.edit_off(listing, column),
            edit_url=reverse("admin:product_list_on", args=[product.pk, store.pk]),
            product_url=reverse("admin:catalogue_product_change", args=[product.pk]),
            preview_url=f"{request.path}?preview=1#{'preview' if is_draft else 'stores-preview'}",
            variants=listing.variants.select_related("variant").order_by("variant__position", "pk")[:200],
        )

    def publish_off(self, problems: list[FieldProblem]) -> str:
        """Return why the draft cannot be published; "" when it can."""
        if not self.may_write:
            return gettext("Your role does not allow this.")
        return gettext("Mend the fields above first.") if problems else ""

    def edit_off(self, listing: Listing, column: StoreColumn) -> str:
        """Return why the form of the listing cannot be opened; "" when it can."""
        if not self.may_write:
            return gettext("Your role does not allow this.")
        if listing.state in (Listing.State.PENDING, Listing.State.REMOVED):
            return gettext("The listing is being created in the store, or was deleted.")
        return column.off(Capability.UPDATE_LISTING) if listing.external_id else ""

    @staticmethod
    def draft(listing: Listing) -> Any:
        """Return what is sent for the listing, without requests; None while a SKU has no price."""
        try:
            return draft_of(listing)[0]
        except CatalogueError:
            return None

    @staticmethod
    def planned(listing: Listing) -> tuple[list[tuple[Any, str]], str]:
        """Return each request with its body as text, and why there are none."""
        try:
            requests = checks.requests_of(listing)
        except CatalogueError as error:
            return [], str(error)
        return [(one, previews.body_text(one)) for one in requests], ""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        listing = self.find(pk)
        try:
            message = self.act(request.POST.get("do", ""), listing)
        except drafts.NotReady as error:
            for problem in error.problems:
                messages.error(request, f"{problem.label}: {problem.message}")
        except CatalogueError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, message)
        return HttpResponseRedirect(request.path)

    def act(self, what: str, listing: Listing) -> str:
        """Do what a button asks for and return its message."""
        store = listing.connection
        if what == "publish":
            drafts.publish(listing)
            if store.is_read_only:
                return (
                    gettext("The listing is created in %s when the store is live. It is read-only now.")
                    % store.name
                )
            return gettext("The listing is being created in %s.") % store.name
        if what == "withdraw":
            withdraw_listing(listing)
            return gettext("The draft was withdrawn: nothing is sent to %s.") % store.name
        raise Http404(gettext("This action does not exist."))
