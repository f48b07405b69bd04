"""Listings at Etsy: made step by step, changed field by field, on and off sale (`etsy.md` §5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from channels.errors import ChannelError, Rejected, TemporaryError, Uncertain
from channels.etsy import drafts, inventory, mapping
from channels.etsy.goods import Change, Goods
from channels.etsy.listing_pages import MOST_OFFSET
from channels.etsy.mapping import live, text, variant_id
from channels.records import ListingDraft, ListingResult, PriceUpdate

if TYPE_CHECKING:
    from channels.http import Answer, ChannelSession


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
        made = self.client.form("POST", f"/shops/{self.shop_id}/listings", form, repeatable=False)
        return self._finish(str(made["listing_id"]), draft)

    def find_listing(self, draft: ListingDraft) -> ListingResult | None:
        """An earlier try that broke off: a draft without SKU under this title, which is then finished; or all of it."""
        self._defaults  # noqa: B018  (read now, so that making the listing is one call)
        draft = self._with_ids(draft)
        skus = {variant.sku.casefold() for variant in draft.variants}
        wanted = drafts.title(draft.title)
        offset = 0
        while True:
            rows = self.client.get(
                f"/shops/{self.shop_id}/listings",
                state="draft",
                limit=100,
                offset=offset,
                sort_on="created",
                sort_order="desc",  # an earlier try is among the newest, far from Etsy's last offset
            )["results"]
            for row in rows:
                if text(row["title"]) != wanted:
                    continue
                listing_id = str(row["listing_id"])
                found = self.client.get(f"/listings/{listing_id}/inventory")
                have = {text(product["sku"]).casefold() for product in live(found)}
                if have == {""} or have & skus:
                    return self._finish(listing_id, draft)
            offset += 100
            if len(rows) < 100 or offset > MOST_OFFSET:
                return None

    def _finish(self, listing_id: str, draft: ListingDraft) -> ListingResult:
        """Every step after the first may be made again, so a draft that was left half-done is taken up here."""
        try:
            with self.alone_with(listing_id):
                return self._complete(listing_id, draft)
        except Uncertain:
            raise
        except ChannelError as error:
            # The draft is there: making it again would leave two, so the next try looks for it.
            raise Uncertain(
                f"Etsy made the draft {listing_id}, then: {error.message}",
                code="half_made",
                detail=error.detail,
            ) from error

    def _complete(self, listing_id: str, draft: ListingDraft) -> ListingResult:
        """Etsy's order of publishing: pictures, inventory, attributes, pictures of variations, then on sale."""
        readiness = drafts.readiness(drafts.chosen_for(draft, self._defaults))
        document = drafts.inventory(draft, readiness)
        units = [
            offering["quantity"] for product in document["products"] for offering in product["offerings"]
        ]
        is_empty = not any(units)
        if is_empty:
            document["products"][0]["offerings"][0]["quantity"] = 1  # Etsy takes no document without stock
        images = self._images(listing_id, drafts.pictures(draft))
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
        if "image_urls" in draft.changed and (urls := drafts.pictures(draft)):
            images = self._images(listing_id, urls)
            if drafts.has_pictured_options(draft):
                document = self.client.get(f"/listings/{listing_id}/inventory")
                self._variation_images(listing_id, draft, document, images)
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

    def _images(self, listing_id: str, urls: Sequence[str]) -> dict[str, int]:
        """Fetch each picture and hand it over at its rank, over what stands there; answers Etsy's id of each address."""
        made: dict[str, int] = {}
        for rank, url in enumerate(urls, start=1):
            answer = self.pictures.call("GET", url, repeatable=True, classify=_picture)
            kind = answer.headers.get("Content-Type", "").partition(";")[0] or "image/jpeg"
            name = urlsplit(url).path.rpartition("/")[2] or "picture.jpg"
            row = self.client.upload(
                f"/shops/{self.shop_id}/listings/{listing_id}/images",
                {"rank": rank, "overwrite": True},
                answer.body,
                name.replace('"', ""),
                kind,
            )
            made[url] = int(row["listing_image_id"])
        return made

    @cached_property
    def pictures(self) -> ChannelSession:
        """The door to where pictures lie: no server of Etsy's, so that nothing of its quota is spent."""
        from channels.http import ChannelSession
        from channels.models import Connection

        return ChannelSession(Connection(channel=self.connection.channel, name=self.connection.name))

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


def _picture(answer: Answer) -> ChannelError | None:
    """What came back where a picture should lie: never a word about the store's own sign-in."""
    if answer.status >= 500 or answer.status == 429:
        return TemporaryError(f"The picture at {answer.url} cannot be read now; it will be tried again.")
    kind = answer.headers.get("Content-Type", "").partition(";")[0] or "image/jpeg"
    if answer.status >= 300 or not kind.startswith("image/"):
        return Rejected(f"There is no picture at {answer.url}.", field="image_urls")
    return None


def _only(choices: Sequence[tuple[str, str]]) -> str:
    """The id of the shop's only profile of a kind; with several the seller chooses one in the settings."""
    return choices[0][0] if len(choices) == 1 else ""
