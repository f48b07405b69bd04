"""What is told about goods: stock and prices, by the inventory document (`etsy.md` §6)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any, NamedTuple

from channels.connectors.etsy import inventory
from channels.connectors.etsy.client import EtsyClient
from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import ChannelError, Rejected, TemporaryError
from channels.contract.records.updates import Outcome, PriceUpdate, StockUpdate

OURS = "zero"  # the mark of a listing that we took off sale for want of stock
TRIES = 3
FEE = (
    "The listing is {state} at Etsy, and putting it on sale again costs Etsy's fee: do it there, or allow it in the "
    "store's settings."
)

NO_STOCK = (
    "Nothing of the listing is in stock at Etsy, and Etsy takes its prices and processing profile only together with "
    "some: send it again when there is stock."
)


class Change(NamedTuple):
    """What is to be different in a listing's document: `apply` does it and answers what the seller should know."""

    ref: str
    listing_id: str
    apply: Callable[[dict[str, Any]], str]
    is_stock: bool = False


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
        from channels.http.session import ChannelSession

        return EtsyClient(self.connection, self.session or ChannelSession(self.connection))

    # ------------------------------------------------ marks
    def marked(self, listing_ids: Sequence[str]) -> set[str]:
        """Return those of these listings that Manifold took off sale itself."""
        return self.context.memory.known(OURS, listing_ids)

    def mark(self, listing_id: str) -> None:
        """Remember that Manifold took this listing off sale."""
        self.context.memory.put(OURS, listing_id)

    def unmark(self, listing_id: str) -> None:
        """Forget that Manifold took this listing off sale."""
        self.context.memory.forget(OURS, [listing_id])

    # ------------------------------------------------ one writer
    def alone_with(self, listing_id: str) -> AbstractContextManager[None]:
        """Be the only worker that writes this listing: Etsy takes its document whole and knows no version (`etsy.md` §6).

        Stock and prices are sent from two lanes; what one had read would undo what the other wrote meanwhile. Raises
        `TemporaryError` (code "busy") when another worker's writing takes longer than 15 seconds.
        """
        return self.context.exclusive(listing_id)

    # ------------------------------------------------ stock and prices
    def push_stock(self, updates: Sequence[StockUpdate]) -> Sequence[Outcome]:
        """Show these quantities: one read and one write for each listing. At 0 in all, the listing goes off sale."""

        def change(update: StockUpdate) -> Change:
            def apply(document: dict[str, Any]) -> str:
                product = inventory.find(document, update.external_id, update.sku)
                return inventory.set_quantity(product, update.quantity)

            return Change(update.ref, _listing_of(update), apply, is_stock=True)

        return self.write([change(update) for update in updates])

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

            return Change(update.ref, _listing_of(update), apply)

        return self.write([change(update) for update in updates])

    @cached_property
    def _currency(self) -> str:
        return self.connection.currency or str(self.client.get(f"/shops/{self.shop_id}")["currency_code"])

    def write(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """One outcome for each change. A fault of the whole line stops it; those told before it keep their outcome."""
        groups: dict[str, list[Change]] = defaultdict(list)
        for change in changes:
            groups[change.listing_id].append(change)
        outcomes: dict[str, Outcome] = {}
        stopped: ChannelError | None = None
        for listing_id, members in groups.items():
            error = stopped
            if error is None:
                try:
                    outcomes |= self._write_alone(listing_id, members)
                    continue
                except ChannelError as raised:
                    error = raised
            is_of_this_alone = isinstance(error, Rejected) or error.code in ("busy", "conflict")
            if not is_of_this_alone:
                if not outcomes:
                    raise error
                stopped = error
            outcomes |= {change.ref: Outcome(change.ref, error) for change in members}
        return [outcomes[change.ref] for change in changes]

    def _write_alone(self, listing_id: str, changes: Sequence[Change]) -> dict[str, Outcome]:
        for attempt in range(1, TRIES + 1):
            try:
                with self.alone_with(listing_id):
                    return self._write_listing(listing_id, changes)
            except TemporaryError as error:
                if error.code != "conflict" or attempt == TRIES:
                    raise
        raise AssertionError("unreachable")

    def document_of(self, listing_id: str) -> tuple[Any, str]:
        """The inventory document of a listing as Etsy has it now, and the listing's state."""
        answer = self.client.get(f"/listings/{listing_id}/inventory", includes="Listing")
        return answer, str((answer.get("listing") or {}).get("state", "active"))

    def _write_listing(self, listing_id: str, changes: Sequence[Change]) -> dict[str, Outcome]:
        """Read the document, change it, write it whole."""
        if not listing_id.isdigit():
            raise Rejected(f"“{listing_id}” is not a listing of Etsy.", code="not_found")
        answer, state = self.document_of(listing_id)
        document = inventory.writable(answer)
        is_ours = bool(self.marked([listing_id]))
        if is_ours and state == "active":  # the seller put it on sale again
            self.unmark(listing_id)
            is_ours = False
        was = inventory.bare(document)
        if is_ours:
            inventory.zero(document)
        outcomes: dict[str, Outcome] = {}
        done: list[Change] = []
        for change in changes:
            try:
                note = change.apply(document)
            except Rejected as error:
                outcomes[change.ref] = Outcome(change.ref, error)
            else:
                outcomes[change.ref] = Outcome(change.ref, note=note)
                done.append(change)
        if not done:
            return outcomes
        about_stock = any(change.is_stock for change in done)
        if about_stock and inventory.all_zero(document):
            self._take_off(listing_id, state)
            return outcomes
        if is_ours and not about_stock:  # Etsy's old figures stay, off sale
            for product, old in zip(document["products"], was["products"], strict=True):
                for offering, kept in zip(product["offerings"], old["offerings"], strict=True):
                    offering["quantity"] = kept["quantity"]
        inventory.spread(document)
        body = inventory.bare(document)
        if body != was and inventory.all_zero(document):
            return outcomes | {
                each.ref: Outcome(each.ref, Rejected(NO_STOCK, code="no_stock")) for each in done
            }
        is_over = about_stock and state in ("sold_out", "expired")
        if is_over:
            if not self.connection.option("renew_sold_out"):
                raise Rejected(FEE.format(state=state.replace("_", " ")), code="fee")
            self.set_state(listing_id, "active")  # shows one unit; the document follows at once
        if body != was or is_over:
            self.put_inventory(listing_id, body)
        if is_ours and about_stock:
            if state == "inactive":
                self.set_state(listing_id, "active")
            self.unmark(listing_id)
        return outcomes

    def _take_off(self, listing_id: str, state: str) -> None:
        """Etsy refuses a listing without any stock: it goes off sale, and we remember that it was us."""
        if state == "active":
            self.mark(listing_id)  # first: a crash between the two is put right by the next figure
            self.set_state(listing_id, "inactive")

    def put_inventory(self, listing_id: str, body: dict[str, Any]) -> Any:
        return self.client.json(
            "PUT", f"/listings/{listing_id}/inventory", body, repeatable=True, params=inventory.flags(body)
        )

    def set_state(self, listing_id: str, state: str) -> Any:
        return self.client.form(
            "PATCH", f"/shops/{self.shop_id}/listings/{listing_id}", {"state": state}, repeatable=True
        )


def _listing_of(update: StockUpdate | PriceUpdate) -> str:
    return update.listing_external_id or update.external_id.partition("-")[0]
