"""Listings at Etsy: made step by step, changed field by field, on and off sale (`etsy.md` §5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from channels.connectors.etsy import drafts, inventory, mapping
from channels.connectors.etsy.goods import Change, Goods
from channels.connectors.etsy.listing_pages import BATCH, MOST_OFFSET
from channels.connectors.etsy.mapping import live, variant_id
from channels.contract.errors import ChannelError, Rejected, Uncertain
from channels.contract.records.updates import ListingDraft, ListingResult, PriceUpdate
from channels.contract.values import text
from channels.http.pictures import Picture, PictureReader


class Listings(Goods):
    """The part of Etsy's adapter that makes and changes listings."""

    @cached_property
    def _defaults(self) -> dict[str, str]:
        """What a listing needs and a draft may lack: the store's settings, else the shop's only one."""
        chosen = {name: str(self.connection.option(name) or "") for name in ("taxonomy_id", *mapping.LISTS)}
        for name in ("shipping_profile_id", "readiness_state_id", "return_policy_id"):
            if not chosen[name]:
                chosen[name] = _only(mapping.choices(name, self._list(name)))
        if not chosen["taxonomy_id"]:  # the one in which the shop sells already
            rows = self.client.get(f"/shops/{self.shop_id}/listings", state="active", limit=100)["results"]
            chosen["taxonomy_id"] = _only(list({(str(row["taxonomy_id"] or ""), "") for row in rows}))
        return chosen

    def _list(self, name: str) -> list[Any]:
        """The shop's own rows for one of these settings (`etsy.md` §3); one page of them holds every shop's."""
        params = {"limit": 100} if name == "readiness_state_id" else {}
        found = self.client.get(f"/shops/{self.shop_id}/{mapping.LISTS[name]}", **params)["results"]
        return list(found)

    def pull_choices(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        """Shipping, processing and return profiles and sections, by name; made and changed at Etsy alone."""
        return {name: mapping.choices(name, self._list(name)) for name in mapping.LISTS}

    def _with_ids(self, draft: ListingDraft) -> ListingDraft:
        """The draft with the ids of the profiles, policy and section that it names; raises `Rejected` for an unknown name."""
        chosen: dict[str, str] = {}
        for name in mapping.LISTS:
            value = draft.attributes.get(name, "").strip()
            if not value or value.isdigit():
                continue
            known = mapping.choices(name, self._list(name))
            ids = [key for key, title in known if title.casefold() == value.casefold()]
            if not ids:
                there = ", ".join(title for _key, title in known) or "none"
                raise Rejected(f"Etsy has no “{value}” for {name}; it has: {there}.", field="attributes")
            chosen[name] = ids[0]
        return replace(draft, attributes={**draft.attributes, **chosen}) if chosen else draft

    def create_listing(self, draft: ListingDraft) -> ListingResult:
        """A draft at Etsy, then pictures, inventory and attributes; on sale only where the store allows the fee."""
        draft = self._with_ids(draft)
        form = drafts.new_listing(draft, self._defaults)
        drafts.inventory(draft, None)  # what cannot be listed is refused before anything is made
        self._attribute_forms(draft)
        files = self._files(draft)
        made = self.client.form("POST", f"/shops/{self.shop_id}/listings", form, repeatable=False)
        return self._finish(str(made["listing_id"]), draft, files)

    def find_listing(self, draft: ListingDraft) -> ListingResult | None:
        """An earlier try that broke off, which is then finished: a draft with our words and without SKU; or all of it.

        One of the seller's own under the same title has other words, and is left alone.
        """
        self._defaults  # noqa: B018  (read now, so that making the listing is one call)
        draft = self._with_ids(draft)
        skus = {variant.sku.casefold() for variant in draft.variants}
        wanted, words = drafts.title(draft.title), _words(drafts.description(draft))
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
        """Listings that an earlier try may have made, the newest first: drafts, and what it may have put on sale."""
        states = ("draft", "active") if self.connection.option("publish_new") else ("draft",)
        for state in states:
            for offset in range(0, MOST_OFFSET + 1 if state == "draft" else 1, BATCH):
                rows = self.client.get(
                    f"/shops/{self.shop_id}/listings",
                    state=state,
                    limit=BATCH,
                    offset=offset,
                    sort_on="created",
                    sort_order="desc",  # far from Etsy's last offset
                )["results"]
                yield from rows
                if len(rows) < BATCH:
                    break

    def _finish(self, listing_id: str, draft: ListingDraft, files: Sequence[Picture]) -> ListingResult:
        """Every step after the first may be made again, so a draft that was left half-done is taken up here."""
        try:
            with self.alone_with(listing_id):
                return self._complete(listing_id, draft, files)
        except Uncertain:
            raise
        except ChannelError as error:
            # The draft is there: making it again would leave two, so the next try looks for it.
            raise Uncertain(
                f"Etsy made the draft {listing_id}, then: {error.message}",
                code="half_made",
                detail=error.detail,
            ) from error

    def _complete(self, listing_id: str, draft: ListingDraft, files: Sequence[Picture]) -> ListingResult:
        """Etsy's order of publishing: pictures, inventory, attributes, pictures of variations, then on sale."""
        readiness = drafts.readiness(drafts.chosen_for(draft, self._defaults))
        document = drafts.inventory(draft, readiness)
        units = [
            offering["quantity"] for product in document["products"] for offering in product["offerings"]
        ]
        is_empty = not any(units)
        if is_empty:
            document["products"][0]["offerings"][0]["quantity"] = 1  # Etsy takes no document without stock
        images = self._images(listing_id, files)
        answer = self.put_inventory(listing_id, inventory.bare(document))
        self._write_properties(listing_id, draft)
        self._variation_images(listing_id, draft, answer, images)
        state = "draft"
        if self.connection.option("publish_new") and not is_empty:
            state = str(self.set_state(listing_id, "active")["state"])
        elif is_empty:
            self.mark(listing_id)
        products = live(answer)
        by_sku = {text(product["sku"]).casefold(): variant_id(listing_id, product) for product in products}
        ids = {variant.ref: by_sku.get(variant.sku.casefold(), "") for variant in draft.variants}
        return ListingResult(
            listing_id,
            {ref: external_id for ref, external_id in ids.items() if external_id},
            f"https://www.etsy.com/listing/{listing_id}",
            is_active=state == "active",
        )

    def update_listing(self, draft: ListingDraft) -> ListingResult:
        """The changed fields; prices go by the inventory, stock its own way, SKUs are never rewritten."""
        listing_id, draft = draft.external_id, self._with_ids(draft)
        form = drafts.changed_listing(draft)
        if form:
            self.client.form("PATCH", f"/shops/{self.shop_id}/listings/{listing_id}", form, repeatable=True)
        if "image_urls" in draft.changed:
            self._replace_images(listing_id, draft)
        if drafts.is_wanted(draft, "attributes"):
            self._write_properties(listing_id, draft)
            self._write_readiness(listing_id, draft)
        if drafts.is_wanted(draft, "variants"):
            known = [variant for variant in draft.variants if variant.external_id]
            updates = [
                PriceUpdate(
                    variant.ref,
                    listing_id,
                    variant.external_id,
                    variant.sku,
                    variant.price,
                    variant.selling_price,
                    draft.currency,
                )
                for variant in known
            ]
            for outcome in self.push_prices(updates) if updates else ():
                if outcome.error is not None:
                    raise outcome.error
        ids = {variant.ref: variant.external_id for variant in draft.variants if variant.external_id}
        return ListingResult(listing_id, ids, f"https://www.etsy.com/listing/{listing_id}")

    def _write_readiness(self, listing_id: str, draft: ListingDraft) -> None:
        """The processing profile is no field of the listing: it stands in the inventory, at each offering."""
        if not draft.attributes.get("readiness_state_id", "").strip():
            return
        chosen = drafts.readiness(draft.attributes)
        change = Change(draft.ref, listing_id, lambda document: inventory.set_readiness(document, chosen))
        for outcome in self.write([change]):
            if outcome.error is not None:
                raise outcome.error

    def set_listing_active(self, external_id: str, *, active: bool) -> None:
        """On sale or off; asked for by a person, so the fee of a draft or an ended listing is theirs to decide.

        What we took off for want of stock comes back with it: Etsy still has the figures of before, and would sell them.
        """
        with self.alone_with(external_id):
            state = self.document_of(external_id)[1] if active and self.marked([external_id]) else ""
            if state == "draft":
                raise Rejected(
                    "Nothing of it is in stock here: switch it on when there is some.", code="no_stock"
                )
            if state == "inactive":
                return
            self.unmark(external_id)  # from now on it is the person's word
            self.set_state(external_id, "active" if active else "inactive")

    @cached_property
    def _of_category(self) -> dict[str, list[Any]]:
        """Properties of the categories that were asked for."""
        return {}

    def _attribute_forms(self, draft: ListingDraft) -> list[tuple[int, dict[str, Any]]]:
        """(property, form) of the draft's attributes; raises `Rejected` for what its category does not have."""
        category = next(iter(draft.category_external_ids), "") or self._defaults["taxonomy_id"]
        if not category or not drafts.properties_wanted(draft):
            return []
        if category not in self._of_category:
            rows = self.client.get(f"/seller-taxonomy/nodes/{category}/properties")["results"]
            self._of_category[category] = rows
        return drafts.properties(draft, self._of_category[category])

    def _write_properties(self, listing_id: str, draft: ListingDraft) -> None:
        for property_id, form in self._attribute_forms(draft):
            address = f"/shops/{self.shop_id}/listings/{listing_id}/properties/{property_id}"
            self.client.form("PUT", address, form, repeatable=True)

    def _files(self, draft: ListingDraft) -> list[Picture]:
        """The draft's pictures; all of them are fetched before the first is handed over."""
        return [self.pictures.fetch(url, only_images=True) for url in drafts.pictures(draft)]

    def _images(self, listing_id: str, files: Sequence[Picture]) -> dict[str, int]:
        """Hand over each picture at its rank, over what stands there; answers Etsy's id of each address."""
        made: dict[str, int] = {}
        for rank, file in enumerate(files, start=1):
            row = self.client.upload(
                f"/shops/{self.shop_id}/listings/{listing_id}/images",
                {"rank": rank, "overwrite": True},
                file.content,
                file.name.replace('"', "") or "picture.jpg",
                file.content_type or "image/jpeg",
            )
            made[file.url] = int(row["listing_image_id"])
        return made

    def _replace_images(self, listing_id: str, draft: ListingDraft) -> None:
        """The listing has these pictures and no others; without any here it keeps its own."""
        if not (files := self._files(draft)):
            return
        images = self._images(listing_id, files)
        if drafts.has_pictured_options(draft):
            document = self.client.get(f"/listings/{listing_id}/inventory")
            self._variation_images(listing_id, draft, document, images)
        for row in self.client.get(f"/listings/{listing_id}/images")["results"]:
            if row["listing_image_id"] not in images.values():
                address = f"/shops/{self.shop_id}/listings/{listing_id}/images/{row['listing_image_id']}"
                self.client.delete(address)

    @cached_property
    def pictures(self) -> PictureReader:
        """Reads pictures from other servers: nothing of Etsy's API limit is used."""
        return PictureReader(self.connection.channel, self.connection.name)

    def _variation_images(
        self, listing_id: str, draft: ListingDraft, document: Any, images: Mapping[str, int]
    ) -> None:
        """Show each variation's own picture; the call replaces all of them, and `document` knows the values' ids."""
        wanted = [
            {"property_id": property_id, "value_id": value_id, "image_id": images[url]}
            for property_id, value_id, url in drafts.pictured_options(draft, document)
            if url in images
        ]
        if wanted:
            self.client.json(
                "POST",
                f"/shops/{self.shop_id}/listings/{listing_id}/variation-images",
                {"variation_images": wanted},
                repeatable=True,
            )


def _words(value: object) -> list[str]:
    """A text without its spaces and breaks, which Etsy may set its own way."""
    return text(value).split()


def _only(choices: Sequence[tuple[str, str]]) -> str:
    """The id of the shop's only profile of a kind; with several the seller chooses one in the settings."""
    return choices[0][0] if len(choices) == 1 else ""
