"""What is told about goods: stock and prices, by the inventory document (`etsy.md` §6)."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from channels import lanes
from channels.base import ChannelAdapter
from channels.errors import ChannelError, Rejected, TemporaryError
from channels.etsy import inventory
from channels.etsy.client import EtsyClient
from channels.models import Bell
from channels.records import Outcome, PriceUpdate, StockUpdate

OURS = "zero"  # the mark of a listing that we took off sale for want of stock
TRIES = 3
PATIENCE = 15.0  # seconds that a worker waits for another one's writing of the same listing
STEP = 0.1
FEE = (
    "The listing is {state} at Etsy, and putting it on sale again costs Etsy's fee: do it there, or allow it in the "
    "store's settings."
)

Change = Callable[[dict[str, Any]], str]

_sleep = time.sleep
_clock = time.monotonic


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

    def mark(self, listing_id: str) -> None:
        if not self.connection.pk:
            self._memory.add(listing_id)
            return
        self.connection.marks.get_or_create(name=OURS, external_id=listing_id)

    def unmark(self, listing_id: str) -> None:
        self._memory.discard(listing_id)
        if self.connection.pk:
            self.connection.marks.filter(name=OURS, external_id=listing_id).delete()

    # ------------------------------------------------ one writer
    @contextmanager
    def alone_with(self, listing_id: str) -> Iterator[None]:
        """Be the only worker that writes this listing: Etsy takes its document whole and knows no version (`etsy.md` §6).

        Stock and prices are sent from two lanes; what one had read would undo what the other wrote meanwhile. Raises
        `TemporaryError` (code "busy") when another worker's writing takes longer than `PATIENCE`.
        """
        if not self.connection.pk:
            yield
            return
        key = f"etsy:{self.connection.pk}:{listing_id}"[:60]
        until = _clock() + PATIENCE
        while (turn := lanes.take_turn(key)) is None:
            if _clock() >= until:
                raise TemporaryError(
                    "Another worker is writing this listing; it will be tried again.", code="busy"
                )
            _sleep(STEP)
        try:
            yield
        finally:
            lanes.give_back(key, turn)
            Bell.objects.filter(
                key=key, token="", busy_until=None
            ).delete()  # one for each listing would stay

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
                    if error.code in ("busy", "conflict"):  # of this listing alone
                        outcomes |= {update.ref: Outcome(update.ref, error) for update, _ in members}
                        continue
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
                with self.alone_with(listing_id):
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
            self.unmark(listing_id)
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
            self.set_state(listing_id, "active")  # shows one unit; the document follows at once
        inventory.spread(document)
        body = inventory.bare(document)
        if body != was or state in ("sold_out", "expired"):
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
