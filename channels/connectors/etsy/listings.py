"""Listings at Etsy: created step by step, changed field by field, put on and off sale (`etsy.md` §5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

from channels.connectors.etsy import listing_bodies, stock_prices
from channels.connectors.etsy.payloads import live, variant_id
from channels.connectors.etsy.products import BATCH, MOST_OFFSET
from channels.connectors.etsy.reference_data import LISTS, ShopFacts
from channels.connectors.etsy.stock_prices import Change, StockAndPrices
from channels.contract.errors import ChannelError, Rejected, Uncertain
from channels.contract.records.listings import PlannedRequest
from channels.contract.records.products import ProductKind
from channels.contract.records.updates import ListingDraft, ListingResult, PriceUpdate
from channels.contract.values import text
from channels.http.pictures import Picture, PictureReader
from oms.kit.numbers import is_whole_number


class Listings:
    """Creates and changes the listings of one shop."""

    def __init__(self, facts: ShopFacts, documents: StockAndPrices, pictures: PictureReader) -> None:
        self.facts = facts
        self.client = facts.client
        self.connection = facts.connection
        self.documents = documents
        self.pictures = pictures

    @cached_property
    def _defaults(self) -> dict[str, str]:
        """What a listing needs and a draft may lack: the store's settings, else the shop's only one of a kind."""
        chosen = {name: str(self.connection.option(name) or "") for name in ("taxonomy_id", *LISTS)}
        for name in ("shipping_profile_id", "readiness_state_id", "return_policy_id"):
            if not chosen[name]:
                chosen[name] = _only(self.facts.choices(name))
        if not chosen["taxonomy_id"]:  # the one in which the shop sells already
            rows = self.client.get(self.facts.path("listings"), state="active", limit=100)["results"]
            chosen["taxonomy_id"] = _only(list({(str(row["taxonomy_id"] or ""), "") for row in rows}))
        return chosen

    def _with_ids(self, draft: ListingDraft) -> ListingDraft:
        """Return the draft with ids of the profiles, policy and section that it names; raise `Rejected` for an unknown one."""
        chosen: dict[str, str] = {}
        for name in LISTS:
            value = draft.attributes.get(name, "").strip()
            if not value or is_whole_number(value):
                continue
            known = self.facts.choices(name)
            ids = [key for key, title in known if title.casefold() == value.casefold()]
            if not ids:
                raise Rejected(
                    _("Etsy has no “%(value)s” for %(name)s; it has: %(known)s.")
                    % {
                        "value": value,
                        "name": name,
                        "known": ", ".join(title for _key, title in known) or _("none"),
                    },
                    field="attributes",
                )
            chosen[name] = ids[0]
        return replace(draft, attributes={**draft.attributes, **chosen}) if chosen else draft

    def create(self, draft: ListingDraft) -> ListingResult:
        """Create a draft at Etsy, then pictures, inventory and attributes; put it on sale where the store allows the fee."""
        draft = self._with_ids(draft)
        form = listing_bodies.new_listing(draft, self._defaults)
        listing_bodies.inventory(draft, None)  # refused before anything is created
        self._attribute_forms(draft)
        files = self._files(draft)
        made = self.client.form("POST", self.facts.path("listings"), form, repeatable=False)
        return self._finish(str(made["listing_id"]), draft, files)

    def check(self, draft: ListingDraft) -> list[Rejected]:
        """Return what Etsy would refuse of a new listing. Makes no request."""
        defaults = {name: str(self.connection.option(name) or "") for name in ("taxonomy_id", *LISTS)}
        is_published = bool(self.connection.option("publish_new"))
        return listing_bodies.refusals(draft, defaults, is_published=is_published)

    def plan(self, draft: ListingDraft) -> list[PlannedRequest]:
        """Return the requests of `create`, in their order. Profiles, policies and the category's properties are read."""
        draft = self._with_ids(draft)
        form = listing_bodies.new_listing(draft, self._defaults)
        readiness = listing_bodies.readiness(listing_bodies.chosen_for(draft, self._defaults))
        document = stock_prices.bare(listing_bodies.inventory(draft, readiness, self._option_rows(draft)))
        path = self.facts.path("listings/{id}")
        pictures = [
            PlannedRequest("POST", f"{path}/images", {"rank": rank, "overwrite": True, "image": url})
            for rank, url in enumerate(listing_bodies.pictures(draft), start=1)
        ]
        attributes = [
            PlannedRequest("PUT", f"{path}/properties/{property_id}", body)
            for property_id, body in self._attribute_forms(draft)
        ]
        planned = [
            PlannedRequest("POST", self.facts.path("listings"), form, _("A draft, which costs no fee.")),
            *pictures,
            PlannedRequest("PUT", "/listings/{id}/inventory", document),
            *attributes,
        ]
        if listing_bodies.has_pictured_options(draft):
            note = _("The picture of each variation.")
            planned.append(PlannedRequest("POST", f"{path}/variation-images", note=note))
        if self.connection.option("publish_new"):
            note = _("Puts it on sale. Etsy charges its listing fee.")
            planned.append(PlannedRequest("PATCH", path, {"state": "active"}, note))
        return planned

    def find(self, draft: ListingDraft) -> ListingResult | None:
        """Finish an earlier try that broke off, or return None.

        It is a listing with this title and description that has no SKU yet, or a SKU of this draft. One of the seller's
        own under the same title has another description, and is not touched.
        """
        self._defaults  # noqa: B018  (read now, so that creating the listing is one call)
        draft = self._with_ids(draft)
        skus = {variant.sku.casefold() for variant in draft.variants}
        wanted, words = listing_bodies.title(draft.title), _words(listing_bodies.description(draft))
        for row in self._made_lately():
            if text(row["title"]) != wanted or _words(row["description"]) != words:
                continue
            listing_id = str(row["listing_id"])
            found = self.client.get(f"/listings/{listing_id}/inventory")
            have = {text(product["sku"]).casefold() for product in live(found)}
            if have & skus or (have == {""} and row["state"] == "draft"):
                return self._finish(listing_id, draft, self._files(draft))
        return None

    def _made_lately(self) -> Iterator[Any]:
        """Yield listings that an earlier try may have created, the newest first: drafts, and what it may have put on sale."""
        states = ("draft", "active") if self.connection.option("publish_new") else ("draft",)
        for state in states:
            for offset in range(0, MOST_OFFSET + 1 if state == "draft" else 1, BATCH):
                rows = self.client.get(
                    self.facts.path("listings"),
                    state=state,
                    limit=BATCH,
                    offset=offset,
                    sort_on="created",
                    sort_order="desc",  # the newest are far from Etsy's last offset
                )["results"]
                yield from rows
                if len(rows) < BATCH:
                    break

    def _finish(self, listing_id: str, draft: ListingDraft, files: Sequence[Picture]) -> ListingResult:
        """Finish a draft at Etsy: every step after the first may be repeated."""
        try:
            with self.documents.alone_with(listing_id):
                return self._complete(listing_id, draft, files)
        except Uncertain:
            raise
        except ChannelError as error:
            # The draft exists: creating it again would leave two, so the next try looks for it.
            raise Uncertain(
                _("Etsy made the draft %(id)s, then: %(message)s")
                % {"id": listing_id, "message": error.message},
                code="half_made",
                detail=error.detail,
            ) from error

    def _complete(self, listing_id: str, draft: ListingDraft, files: Sequence[Picture]) -> ListingResult:
        """Send the parts in Etsy's order: pictures, inventory, attributes, pictures of variations, then put it on sale."""
        readiness = listing_bodies.readiness(listing_bodies.chosen_for(draft, self._defaults))
        document = listing_bodies.inventory(draft, readiness, self._option_rows(draft))
        units = [
            offering["quantity"] for product in document["products"] for offering in product["offerings"]
        ]
        is_empty = not any(units)
        if is_empty:
            document["products"][0]["offerings"][0]["quantity"] = 1  # Etsy takes no document without stock
        images = self._images(listing_id, files)
        answer = self.documents.put_inventory(listing_id, stock_prices.bare(document))
        self._write_properties(listing_id, draft)
        self._variation_images(listing_id, draft, answer, images)
        state = "draft"
        if self.connection.option("publish_new") and not is_empty:
            state = str(self.documents.set_state(listing_id, "active")["state"])
        elif is_empty:
            self.facts.note_off_sale(listing_id)
        return ListingResult(
            listing_id,
            _ids_by_sku(listing_id, draft, answer),
            f"https://www.etsy.com/listing/{listing_id}",
            is_active=state == "active",
        )

    def update(self, draft: ListingDraft) -> ListingResult:
        """Send the changed fields. Prices are in the inventory, stock is sent separately, SKUs are never changed."""
        listing_id, draft = draft.external_id, self._with_ids(draft)
        form = listing_bodies.changed_listing(draft)
        if form:
            self.client.form("PATCH", self.facts.path(f"listings/{listing_id}"), form, repeatable=True)
        if "image_urls" in draft.changed:
            self._replace_images(listing_id, draft)
        if listing_bodies.is_wanted(draft, "attributes"):
            self._write_properties(listing_id, draft)
            self._write_readiness(listing_id, draft)
        if listing_bodies.is_wanted(draft, "variants"):
            self._write_variants(listing_id, draft)
        ids = {variant.ref: variant.external_id for variant in draft.variants if variant.external_id}
        if any(not variant.external_id for variant in draft.variants):
            ids |= _ids_by_sku(listing_id, draft, self.documents.document_of(listing_id)[0])
        return ListingResult(listing_id, ids, f"https://www.etsy.com/listing/{listing_id}")

    def _write_variants(self, listing_id: str, draft: ListingDraft) -> None:
        """Send prices, new SKUs and removed SKUs in one document. A second time it is the same document."""
        kept = [variant for variant in draft.variants if variant.external_id and not variant.is_removed]
        changes = [
            self.documents.price_change(
                PriceUpdate(
                    variant.ref,
                    listing_id,
                    variant.external_id,
                    variant.sku,
                    variant.price,
                    variant.selling_price,
                    draft.currency,
                )
            )
            for variant in kept
        ]
        # The SKU of a single listing is never changed: it is no SKU that is added.
        if draft.kind is ProductKind.GROUP and len(kept) < len(draft.variants):
            changes.append(
                Change(
                    draft.ref, listing_id, lambda document: listing_bodies.change_variants(document, draft)
                )
            )
        for outcome in self.documents.write(changes):
            if outcome.error is not None:
                raise outcome.error

    def _write_readiness(self, listing_id: str, draft: ListingDraft) -> None:
        """Send the processing profile, which is no field of the listing but of each offering in the inventory."""
        if not draft.attributes.get("readiness_state_id", "").strip():
            return
        chosen = listing_bodies.readiness(draft.attributes)
        change = Change(draft.ref, listing_id, lambda document: stock_prices.set_readiness(document, chosen))
        for outcome in self.documents.write([change]):
            if outcome.error is not None:
                raise outcome.error

    def set_active(self, external_id: str, *, active: bool) -> None:
        """Put a listing on sale or take it off. A person asks for it, so a fee is theirs to decide.

        A listing that Manifold took off sale because its stock was 0 stays off sale until there is stock: Etsy still has
        the old quantities and would sell them.
        """
        with self.documents.alone_with(external_id):
            state = (
                self.documents.document_of(external_id)[1]
                if active and self.facts.off_sale([external_id])
                else ""
            )
            if state == "draft":
                raise Rejected(
                    _("Nothing of it is in stock in Manifold: put it on sale when there is some."),
                    code="no_stock",
                )
            if state == "inactive":
                return
            self.facts.forget_off_sale(external_id)  # from now on the person's choice counts
            self.documents.set_state(external_id, "active" if active else "inactive")

    @cached_property
    def _of_category(self) -> dict[str, list[Any]]:
        """Properties of the categories that were read."""
        return {}

    def _attribute_forms(self, draft: ListingDraft) -> list[tuple[int, dict[str, Any]]]:
        """Return (property, form) of the draft's attributes; raise `Rejected` for one that its category does not have."""
        category = next(iter(draft.category_external_ids), "") or self._defaults["taxonomy_id"]
        if not category or not listing_bodies.properties_wanted(draft):
            return []
        return listing_bodies.properties(draft, self._properties(category))

    def _properties(self, category: str) -> list[Any]:
        """Return the properties of a category, read once."""
        if category not in self._of_category:
            rows = self.client.get(f"/seller-taxonomy/nodes/{category}/properties")["results"]
            self._of_category[category] = rows
        return self._of_category[category]

    def _option_rows(self, draft: ListingDraft) -> list[Any]:
        """Return the properties that may be options of this group: those of its category."""
        category = next(iter(draft.category_external_ids), "") or self._defaults["taxonomy_id"]
        return self._properties(category) if category and draft.kind == ProductKind.GROUP else []

    def _write_properties(self, listing_id: str, draft: ListingDraft) -> None:
        for property_id, form in self._attribute_forms(draft):
            address = self.facts.path(f"listings/{listing_id}/properties/{property_id}")
            self.client.form("PUT", address, form, repeatable=True)

    def _files(self, draft: ListingDraft) -> list[Picture]:
        """Return the draft's pictures; all of them are read before the first is sent."""
        return [self.pictures.fetch(url, only_images=True) for url in listing_bodies.pictures(draft)]

    def _images(self, listing_id: str, files: Sequence[Picture]) -> dict[str, int]:
        """Send each picture at its rank, in place of the old one; return Etsy's id of each address."""
        made: dict[str, int] = {}
        for rank, file in enumerate(files, start=1):
            row = self.client.upload(
                self.facts.path(f"listings/{listing_id}/images"),
                {"rank": rank, "overwrite": True},
                file.content,
                file.name.replace('"', "") or "picture.jpg",
                file.content_type or "image/jpeg",
            )
            made[file.url] = int(row["listing_image_id"])
        return made

    def _replace_images(self, listing_id: str, draft: ListingDraft) -> None:
        """Replace all pictures by these; where the draft has none, nothing changes."""
        if not (files := self._files(draft)):
            return
        images = self._images(listing_id, files)
        if listing_bodies.has_pictured_options(draft):
            document = self.client.get(f"/listings/{listing_id}/inventory")
            self._variation_images(listing_id, draft, document, images)
        for row in self.client.get(f"/listings/{listing_id}/images")["results"]:
            if row["listing_image_id"] not in images.values():
                address = self.facts.path(f"listings/{listing_id}/images/{row['listing_image_id']}")
                self.client.delete(address)

    def _variation_images(
        self, listing_id: str, draft: ListingDraft, document: Any, images: Mapping[str, int]
    ) -> None:
        """Send each variation's own picture; the call replaces all, and `document` has the ids of the values."""
        wanted = [
            {"property_id": property_id, "value_id": value_id, "image_id": images[url]}
            for property_id, value_id, url in listing_bodies.pictured_options(draft, document)
            if url in images
        ]
        if wanted:
            self.client.json(
                "POST",
                self.facts.path(f"listings/{listing_id}/variation-images"),
                {"variation_images": wanted},
                repeatable=True,
            )


def _ids_by_sku(listing_id: str, draft: ListingDraft, document: Any) -> dict[str, str]:
    """Return the external id of each SKU of the draft that an inventory document has, by `VariantDraft.ref`."""
    by_sku = {text(product["sku"]).casefold(): variant_id(listing_id, product) for product in live(document)}
    ids = {variant.ref: by_sku.get(variant.sku.casefold(), "") for variant in draft.variants}
    return {ref: external_id for ref, external_id in ids.items() if external_id}


def _words(value: object) -> list[str]:
    """Return the words of a text: Etsy may change its spaces and line breaks."""
    return text(value).split()


def _only(choices: Sequence[tuple[str, str]]) -> str:
    """Return the id of the shop's only profile of a kind; with several the seller chooses one in the settings."""
    return choices[0][0] if len(choices) == 1 else ""
