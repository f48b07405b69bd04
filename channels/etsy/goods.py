"""What is told about goods: stock and prices by the inventory document, listings by forms (`etsy.md` §5, §6)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from channels.base import ChannelAdapter
from channels.errors import ChannelError, Rejected, TemporaryError, Uncertain
from channels.etsy import drafts, inventory
from channels.etsy.client import EtsyClient
from channels.etsy.mapping import live, text, variant_id
from channels.records import (
    ListingDraft,
    ListingResult,
    Outcome,
    PriceUpdate,
    StockUpdate,
)

OURS = "zero"  # the mark of a listing that we took off sale for want of stock
TRIES = 3
MOST_IMAGES = 20
MOST_OFFSET = 12_000
FEE = (
    "The listing is {state} at Etsy, and putting it on sale again costs Etsy's fee: do it there, or allow it in the "
    "store's settings."
)

Change = Callable[[dict[str, Any]], str]


class Goods(ChannelAdapter):
    """The part of Etsy's adapter that writes about products."""

    @cached_property
    def shop_id(self) -> int:
        """Etsy's own id of the shop, needed in every address of it."""
        extra = self.connection.account.get("extra") or self.connection.account
        known = str(extra.get("shop_id") or self.connection.fingerprint)
        if known.isdigit():
            return int(known)
        found = self.client.get("/users/me").get("shop_id")
        if not found:
            raise TemporaryError("Etsy did not say which shop this is.")
        return int(found)

    @cached_property
    def client(self) -> EtsyClient:
        from channels.http import ChannelSession

        return EtsyClient(self.connection, self.session or ChannelSession(self.connection))

    # ------------------------------------------------ marks
    @cached_property
    def _memory(self) -> set[str]:
        return set()

    def marked(self, listing_ids: Sequence[str]) -> set[str]:
        """Those of these listings that we took off sale ourselves."""
        if not self.connection.pk:
            return self._memory & set(listing_ids)
        found = self.connection.marks.filter(name=OURS, external_id__in=listing_ids)
        return set(found.values_list("external_id", flat=True))

    def _mark(self, listing_id: str) -> None:
        if not self.connection.pk:
            self._memory.add(listing_id)
            return
        self.connection.marks.get_or_create(name=OURS, external_id=listing_id)

    def _unmark(self, listing_id: str) -> None:
        self._memory.discard(listing_id)
        if self.connection.pk:
            self.connection.marks.filter(name=OURS, external_id=listing_id).delete()

    # ------------------------------------------------ stock and prices
    def push_stock(self, updates: Sequence[StockUpdate]) -> Sequence[Outcome]:
        """Show these quantities: one read and one write for each listing. At 0 in all, the listing goes off sale."""

        def change(update: StockUpdate) -> Change:
            return lambda document: inventory.set_quantity(
                inventory.find(document, update.external_id, update.sku), update.quantity
            )

        return self._push([(update, change(update)) for update in updates])

    def push_prices(self, updates: Sequence[PriceUpdate]) -> Sequence[Outcome]:
        """Show one price each: the selling price where there is one (R-PRICE-02)."""

        def change(update: PriceUpdate) -> Change:
            def apply(document: dict[str, Any]) -> str:
                if update.currency != self._currency:
                    raise Rejected(
                        f"This shop keeps its prices in {self._currency}, not in {update.currency}.",
                        field="currency",
                    )
                price = update.price if update.selling_price is None else update.selling_price
                inventory.set_price(inventory.find(document, update.external_id, update.sku), price)
                return ""

            return apply

        return self._push([(update, change(update)) for update in updates])

    @cached_property
    def _currency(self) -> str:
        return self.connection.currency or str(self.client.get(f"/shops/{self.shop_id}")["currency_code"])

    def _push(self, items: Sequence[tuple[StockUpdate | PriceUpdate, Change]]) -> Sequence[Outcome]:
        """One outcome for each item. A fault of the whole line stops it; items told before it keep their outcome."""
        groups: dict[str, list[tuple[StockUpdate | PriceUpdate, Change]]] = defaultdict(list)
        for update, change in items:
            groups[update.listing_external_id or update.external_id.partition("-")[0]].append(
                (update, change)
            )
        outcomes: dict[str, Outcome] = {}
        stopped: ChannelError | None = None
        for listing_id, members in groups.items():
            if stopped is None:
                try:
                    outcomes |= self._push_listing(listing_id, members)
                    continue
                except Rejected as error:
                    outcomes |= {update.ref: Outcome(update.ref, error) for update, _ in members}
                    continue
                except ChannelError as error:
                    if not outcomes:
                        raise
                    stopped = error
            outcomes |= {update.ref: Outcome(update.ref, stopped) for update, _ in members}
        return [outcomes[update.ref] for update, _ in items]

    def _push_listing(
        self, listing_id: str, members: Sequence[tuple[StockUpdate | PriceUpdate, Change]]
    ) -> dict[str, Outcome]:
        for attempt in range(1, TRIES + 1):
            try:
                return self._write_listing(listing_id, members)
            except TemporaryError as error:
                if error.code != "conflict" or attempt == TRIES:
                    raise
        raise AssertionError("unreachable")

    def _write_listing(
        self, listing_id: str, members: Sequence[tuple[StockUpdate | PriceUpdate, Change]]
    ) -> dict[str, Outcome]:
        """Read the document, change it, write it whole."""
        if not listing_id.isdigit():
            raise Rejected(f"“{listing_id}” is not a listing of Etsy.", code="not_found")
        answer = self.client.get(f"/listings/{listing_id}/inventory", includes="Listing")
        document = inventory.writable(answer)
        state = str((answer.get("listing") or {}).get("state", "active"))
        is_ours = bool(self.marked([listing_id]))
        if is_ours and state == "active":  # the seller put it on sale again
            self._unmark(listing_id)
            is_ours = False
        was = inventory.bare(document)
        if is_ours:
            inventory.zero(document)
        outcomes: dict[str, Outcome] = {}
        done: list[str] = []
        for update, change in members:
            try:
                note = change(document)
            except Rejected as error:
                outcomes[update.ref] = Outcome(update.ref, error)
            else:
                outcomes[update.ref] = Outcome(update.ref, note=note)
                done.append(update.ref)
        if not done:
            return outcomes
        about_stock = any(isinstance(update, StockUpdate) for update, _ in members)
        if about_stock and inventory.all_zero(document):
            self._take_off(listing_id, state)
            return outcomes
        if (
            is_ours and not about_stock
        ):  # a price for a listing without stock: Etsy's old figures stay, off sale
            for product, old in zip(document["products"], was["products"], strict=True):
                for offering, kept in zip(product["offerings"], old["offerings"], strict=True):
                    offering["quantity"] = kept["quantity"]
        if about_stock and state in ("sold_out", "expired"):
            if not self.connection.option("renew_sold_out"):
                raise Rejected(FEE.format(state=state.replace("_", " ")), code="fee")
            self._set_state(listing_id, "active")  # shows one unit; the document follows at once
        inventory.spread(document)
        body = inventory.bare(document)
        if body != was or state in ("sold_out", "expired"):
            self._put_inventory(listing_id, body)
        if is_ours and about_stock:
            if state == "inactive":
                self._set_state(listing_id, "active")
            self._unmark(listing_id)
        return outcomes

    def _take_off(self, listing_id: str, state: str) -> None:
        """Etsy refuses a listing without any stock: it goes off sale, and we remember that it was us."""
        if state == "active":
            self._mark(listing_id)  # first: a crash between the two is put right by the next figure
            self._set_state(listing_id, "inactive")

    def _put_inventory(self, listing_id: str, body: dict[str, Any]) -> Any:
        return self.client.json(
            "PUT", f"/listings/{listing_id}/inventory", body, repeatable=True, params=inventory.flags(body)
        )

    def _set_state(self, listing_id: str, state: str) -> Any:
        return self.client.form(
            "PATCH", f"/shops/{self.shop_id}/listings/{listing_id}", {"state": state}, repeatable=True
        )

    # ------------------------------------------------ listings
    @cached_property
    def _defaults(self) -> dict[str, str]:
        """What a listing needs and a draft may lack: the store's settings, else the shop's only one."""
        shop = f"/shops/{self.shop_id}"
        chosen = {
            name: str(self.connection.option(name) or "")
            for name in ("taxonomy_id", "shipping_profile_id", "readiness_state_id", "return_policy_id")
        }
        if not chosen["shipping_profile_id"]:
            chosen["shipping_profile_id"] = _only(
                self.client.get(f"{shop}/shipping-profiles"), "shipping_profile_id"
            )
        if not chosen["readiness_state_id"]:
            found = self.client.get(f"{shop}/readiness-state-definitions", limit=100)
            chosen["readiness_state_id"] = _only(found, "readiness_state_id")
        if not chosen["return_policy_id"]:
            chosen["return_policy_id"] = _only(self.client.get(f"{shop}/policies/return"), "return_policy_id")
        if not chosen["taxonomy_id"]:  # what the shop sells already
            rows = self.client.get(f"{shop}/listings", state="active", limit=1)["results"]
            chosen["taxonomy_id"] = str(rows[0]["taxonomy_id"] or "") if rows else ""
        return chosen

    def create_listing(self, draft: ListingDraft) -> ListingResult:
        """A draft at Etsy, then pictures, inventory and attributes; on sale only where the store allows the fee."""
        form = drafts.new_listing(draft, self._defaults)
        drafts.inventory(draft, None)  # what cannot be listed is refused before anything is made
        made = self.client.form("POST", f"/shops/{self.shop_id}/listings", form, repeatable=False)
        return self._finish(str(made["listing_id"]), draft)

    def find_listing(self, draft: ListingDraft) -> ListingResult | None:
        """An earlier try that broke off: a draft without SKU under this title, which is then finished; or all of it."""
        self._defaults  # noqa: B018  (read now, so that making the listing is one call)
        skus = {variant.sku.casefold() for variant in draft.variants}
        wanted = drafts.title(draft.title)
        offset = 0
        while True:
            rows = self.client.get(
                f"/shops/{self.shop_id}/listings", state="draft", limit=100, offset=offset
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
        readiness = drafts.number(
            draft.attributes.get("readiness_state_id") or self._defaults["readiness_state_id"],
            "a processing profile",
            "attributes",
        )
        document = drafts.inventory(draft, readiness)
        units = [
            offering["quantity"] for product in document["products"] for offering in product["offerings"]
        ]
        is_empty = not any(units)
        if is_empty:
            document["products"][0]["offerings"][0]["quantity"] = 1  # Etsy takes no document without stock
        answer = self._put_inventory(listing_id, inventory.bare(document))
        if draft.image_urls:
            self._images(listing_id, draft.image_urls)
        self._write_properties(listing_id, draft)
        state = "draft"
        if self.connection.option("publish_new") and not is_empty:
            state = str(self._set_state(listing_id, "active")["state"])
        elif is_empty:
            self._mark(listing_id)
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
        listing_id = draft.external_id
        form = drafts.changed_listing(draft)
        if form:
            self.client.form("PATCH", f"/shops/{self.shop_id}/listings/{listing_id}", form, repeatable=True)
        if "image_urls" in draft.changed and draft.image_urls:
            self._images(listing_id, draft.image_urls)
        if not draft.changed or "attributes" in draft.changed:
            self._write_properties(listing_id, draft)
        if not draft.changed or "variants" in draft.changed:
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

    def set_listing_active(self, external_id: str, *, active: bool) -> None:
        """On sale or off; asked for by a person, so the fee of a draft or an ended listing is theirs to decide."""
        self._unmark(external_id)  # from now on it is the person's word
        self._set_state(external_id, "active" if active else "inactive")

    def _write_properties(self, listing_id: str, draft: ListingDraft) -> None:
        wanted = drafts.properties(draft)
        category = next(iter(draft.category_external_ids), "") or self._defaults["taxonomy_id"]
        if not wanted or not category:
            return
        rows = self.client.get(f"/seller-taxonomy/nodes/{category}/properties")["results"]
        known = {text(row["display_name"]).casefold(): row for row in rows if row["supports_attributes"]}
        for name, value in wanted.items():
            row = known.get(name.casefold())
            if row is None:
                raise Rejected(f"This category of Etsy has no attribute called {name}.", field="attributes")
            ids = [
                v["value_id"]
                for v in row["possible_values"]
                if text(v["name"]).casefold() == value.casefold()
            ]
            self.client.form(
                "PUT",
                f"/shops/{self.shop_id}/listings/{listing_id}/properties/{row['property_id']}",
                {"value_ids": ids, "values": [value]},
                repeatable=True,
            )

    def _images(self, listing_id: str, urls: Sequence[str]) -> None:
        """Fetch each picture and hand it over at its rank, over what stands there."""
        session = self.client.session
        for rank, url in enumerate(urls[:MOST_IMAGES], start=1):
            answer = session.call("GET", url, repeatable=True)
            kind = answer.headers.get("Content-Type", "").partition(";")[0] or "image/jpeg"
            if not kind.startswith("image/"):
                raise Rejected(f"There is no picture at {url}.", field="image_urls")
            name = urlsplit(url).path.rpartition("/")[2] or "picture.jpg"
            self.client.upload(
                f"/shops/{self.shop_id}/listings/{listing_id}/images",
                {"rank": rank, "overwrite": True},
                answer.body,
                name.replace('"', ""),
                kind,
            )


def _only(answer: Any, name: str) -> str:
    """The id of the shop's only profile of a kind; with several the seller chooses one in the settings."""
    ids = [str(row[name]) for row in answer["results"] if not row.get("is_deleted")]
    return ids[0] if len(ids) == 1 else ""
