"""Sending stock and prices of Etsy: by a listing's inventory document (`etsy.md` §6).

Etsy takes the document whole and has no version of it: it is read, changed and sent by one worker at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple, cast

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels.connectors.etsy import payloads
from channels.connectors.etsy.payloads import MOST_UNITS, live, money
from channels.connectors.etsy.reference_data import ShopFacts
from channels.contract.errors import ChannelError, Rejected, TemporaryError
from channels.contract.records.updates import Outcome, PriceUpdate, StockUpdate
from channels.contract.values import text
from oms.kit.numbers import is_whole_number

TRIES = 3
CENTS = Decimal("0.01")
ON_PROPERTY = ("price_on_property", "quantity_on_property", "sku_on_property", "readiness_state_on_property")
FEE = gettext_lazy(
    "The listing is %(state)s at Etsy, and putting it on sale again costs Etsy's fee: do it in Etsy's shop manager, or "
    "allow it in the store's settings."
)
NO_STOCK = gettext_lazy(
    "Nothing of the listing is in stock at Etsy, and Etsy takes its prices and processing profile only together with "
    "some stock: send it again when there is stock."
)


class Change(NamedTuple):
    """A change of a listing's document: `apply` makes it and returns a note for the seller, or ""."""

    ref: str
    listing_id: str
    apply: Callable[[dict[str, Any]], str]
    is_stock: bool = False


class StockAndPrices:
    """Changes inventory documents of one shop's listings."""

    def __init__(self, facts: ShopFacts) -> None:
        self.facts = facts
        self.client = facts.client

    def alone_with(self, listing_id: str) -> AbstractContextManager[None]:
        """Be the only worker that changes this listing while the block runs (`etsy.md` §6).

        Stock and prices are sent from two queues; one would undo what the other sent between its reading and writing.
        Raises `TemporaryError` (code "busy") when another worker takes longer than 15 seconds.
        """
        return self.facts.context.exclusive(listing_id)

    # ------------------------------------------------ stock and prices
    def push_stock(self, updates: Sequence[StockUpdate]) -> Sequence[Outcome]:
        """Send these quantities: one read and one write for each listing. At 0 for all SKUs the listing goes off sale."""

        def change(update: StockUpdate) -> Change:
            def apply(document: dict[str, Any]) -> str:
                product = find(document, update.external_id, update.sku)
                return set_quantity(product, update.quantity)

            return Change(update.ref, _listing_of(update), apply, is_stock=True)

        return self.write([change(update) for update in updates])

    def push_prices(self, updates: Sequence[PriceUpdate]) -> Sequence[Outcome]:
        """Send one price for each SKU: the selling price where there is one (R-PRICE-02)."""
        return self.write([self.price_change(update) for update in updates])

    def price_change(self, update: PriceUpdate) -> Change:
        """Return the change of one SKU's price, for `write`."""

        def apply(document: dict[str, Any]) -> str:
            if update.currency != self.facts.currency:
                raise Rejected(
                    _("The shop's prices are in %(shop)s, not in %(given)s.")
                    % {"shop": self.facts.currency, "given": update.currency},
                    field="currency",
                )
            price = update.price if update.selling_price is None else update.selling_price
            set_price(find(document, update.external_id, update.sku), price)
            return ""

        return Change(update.ref, _listing_of(update), apply)

    def write(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Make these changes and return one outcome for each.

        A fault that is not of one listing alone stops the rest; what was sent before it keeps its outcome.
        """
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
        """Return the inventory document of a listing as Etsy has it now, and the listing's state."""
        answer = self.client.get(f"/listings/{listing_id}/inventory", includes="Listing")
        return answer, str((answer.get("listing") or {}).get("state", "active"))

    def _write_listing(self, listing_id: str, changes: Sequence[Change]) -> dict[str, Outcome]:
        """Read the document, change it, send it whole."""
        if not is_whole_number(listing_id):
            raise Rejected(_("“%s” is not a listing of Etsy.") % listing_id, code="not_found")
        answer, state = self.document_of(listing_id)
        document = writable(answer)
        is_ours = bool(self.facts.off_sale([listing_id]))
        if is_ours and state == "active":  # the seller put it on sale again
            self.facts.forget_off_sale(listing_id)
            is_ours = False
        was = bare(document)
        kept = {
            product["product_id"]: [offering["quantity"] for offering in product["offerings"]]
            for product in document["products"]
        }
        if is_ours:
            zero(document)
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
        if about_stock and all_zero(document):
            self._take_off(listing_id, state)
            return outcomes
        if is_ours and not about_stock:  # Etsy's old figures stay, off sale
            for product in document["products"]:
                for offering, units in zip(
                    product["offerings"], kept.get(product["product_id"], ()), strict=False
                ):
                    offering["quantity"] = units
        spread(document)
        body = bare(document)
        if body != was and all_zero(document):
            return outcomes | {
                each.ref: Outcome(each.ref, Rejected(str(NO_STOCK), code="no_stock")) for each in done
            }
        is_over = about_stock and state in ("sold_out", "expired")
        if is_over:
            if not self.facts.connection.option("renew_sold_out"):
                raise Rejected(FEE % {"state": state.replace("_", " ")}, code="fee")
            self.set_state(listing_id, "active")  # Etsy then shows one unit; the document is sent at once
        if body != was or is_over:
            self.put_inventory(listing_id, body)
        if is_ours and about_stock:
            if state == "inactive":
                self.set_state(listing_id, "active")
            self.facts.forget_off_sale(listing_id)
        return outcomes

    def _take_off(self, listing_id: str, state: str) -> None:
        """Take the listing off sale, since Etsy refuses one without stock, and remember that Manifold did it."""
        if state == "active":
            self.facts.note_off_sale(
                listing_id
            )  # first: after a crash in between, the next figure repairs it
            self.set_state(listing_id, "inactive")

    def put_inventory(self, listing_id: str, body: dict[str, Any]) -> Any:
        """Send a whole inventory document; return Etsy's answer."""
        return self.client.json(
            "PUT", f"/listings/{listing_id}/inventory", body, repeatable=True, params=flags(body)
        )

    def set_state(self, listing_id: str, state: str) -> Any:
        """Put a listing on sale ("active") or take it off ("inactive"); return Etsy's answer."""
        return self.client.form(
            "PATCH", self.facts.path(f"listings/{listing_id}"), {"state": state}, repeatable=True
        )


def _listing_of(update: StockUpdate | PriceUpdate) -> str:
    return update.listing_external_id or update.external_id.partition("-")[0]


# ---------------------------------------------------------------- the document


def writable(document: payloads.Inventory) -> dict[str, Any]:
    """Return the document as a PUT takes it: without deleted products and ids, prices as numbers, the four arrays kept.

    Each product keeps its `product_id` for `find`; `bare` removes it before sending.
    """
    return {
        "products": [
            {
                "product_id": product["product_id"],
                "sku": product["sku"] or "",
                "property_values": [
                    {
                        "property_id": value["property_id"],
                        "property_name": value["property_name"],
                        "scale_id": value["scale_id"],
                        "value_ids": value["value_ids"],
                        "values": value["values"],
                    }
                    for value in product["property_values"]
                ],
                "offerings": [
                    {
                        "price": money(offering["price"]),
                        "quantity": offering["quantity"],
                        "is_enabled": offering["is_enabled"],
                        "readiness_state_id": offering["readiness_state_id"],
                    }
                    for offering in product["offerings"]
                    if not offering["is_deleted"]
                ],
            }
            for product in live(document)
        ],
        **{name: list(cast(Mapping[str, Any], document).get(name) or ()) for name in ON_PROPERTY},
    }


def bare(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body to send: no ids, prices as numbers with two decimals."""
    products = []
    for product in document["products"]:
        offerings = [
            {**offering, "price": float(Decimal(offering["price"]).quantize(CENTS, ROUND_HALF_UP))}
            for offering in product["offerings"]
        ]
        fields = {name: value for name, value in product.items() if name != "product_id"}
        products.append({**fields, "offerings": offerings})
    return {**document, "products": products}


def find(document: Mapping[str, Any], external_id: str, sku: str) -> dict[str, Any]:
    """Return the product of an external id, else of a SKU: Etsy gives products new ids when options are edited.

    Raises `Rejected` when neither finds exactly one.
    """
    products: list[dict[str, Any]] = document["products"]
    product_id = external_id.partition("-")[2]
    found = [product for product in products if str(product["product_id"]) == product_id]
    if not found and sku:
        found = [product for product in products if text(product["sku"]).casefold() == sku.casefold()]
    if not found and not product_id and len(products) == 1:
        found = products
    if len(found) != 1:
        raise Rejected(
            _("Etsy's listing has no variation %s: sync the product again.") % (sku or external_id),
            code="no_such_variant",
        )
    return found[0]


def set_quantity(product: dict[str, Any], quantity: int) -> str:
    """Set the quantity; return a note for the seller, or "". Raises `Rejected` below zero."""
    if quantity < 0:
        raise Rejected(
            _("The quantity must be a whole number, 0 or more, not %s.") % quantity, field="quantity"
        )
    shown = min(quantity, MOST_UNITS)
    for offering in product["offerings"]:
        offering["quantity"] = shown
    if quantity <= MOST_UNITS:
        return ""
    return _("Etsy shows at most %(most)d units; %(quantity)d are available.") % {
        "most": MOST_UNITS,
        "quantity": quantity,
    }


def set_price(product: dict[str, Any], price: Decimal) -> None:
    """Set the price; raise `Rejected` when it is not above zero."""
    if price <= 0:
        raise Rejected(_("Etsy needs a price above zero."), field="price")
    for offering in product["offerings"]:
        offering["price"] = price


def set_readiness(document: Mapping[str, Any], readiness_state_id: int) -> str:
    """Give every offering this processing profile (downloads have none); return no note."""
    for product in document["products"]:
        for offering in product["offerings"]:
            if offering["readiness_state_id"] is not None:
                offering["readiness_state_id"] = readiness_state_id
    return ""


def all_zero(document: Mapping[str, Any]) -> bool:
    """Whether nothing can be bought: Etsy refuses such a document."""
    return not any(
        offering["quantity"] > 0 and offering["is_enabled"]
        for product in document["products"]
        for offering in product["offerings"]
    )


def zero(document: dict[str, Any]) -> None:
    """Set every quantity to 0: that of a listing which Manifold took off sale, whatever Etsy's copy still has."""
    for product in document["products"]:
        for offering in product["offerings"]:
            offering["quantity"] = 0


def spread(document: dict[str, Any]) -> None:
    """Name the options by which figures differ, where the document does not name them (else Etsy refuses it).

    An array that already explains its figures is not changed.
    """
    for name, field in (("quantity_on_property", "quantity"), ("price_on_property", "price")):
        groups: dict[tuple[Any, ...], set[Any]] = {}
        for product in document["products"]:
            key = tuple(
                (value["property_id"], *value["values"])
                for value in product["property_values"]
                if value["property_id"] in document[name]
            )
            groups.setdefault(key, set()).update(offering[field] for offering in product["offerings"])
        if any(len(values) > 1 for values in groups.values()):
            document[name] = properties_of(document)


def properties_of(document: Mapping[str, Any]) -> list[int]:
    """Return the ids of all options of the listing, in their order."""
    ids = [value["property_id"] for product in document["products"] for value in product["property_values"]]
    return list(dict.fromkeys(ids))


def flags(document: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """Return the query of the PUT: a listing with three options needs a flag."""
    return (("max_variations_supported", "3"),) if len(properties_of(document)) > 2 else ()
