"""What a shop is and the lists that it has: categories, properties, profiles, carriers, statuses (`etsy.md` §3)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from channels.connectors.etsy import carriers, payloads
from channels.connectors.etsy.client import EtsyClient
from channels.connectors.etsy.payloads import LABEL
from channels.connectors.etsy.statuses import STATUSES
from channels.contract.context import AdapterContext
from channels.contract.errors import TemporaryError
from channels.contract.reading import list_in, mappings, read_rows, readable
from channels.contract.records.orders import CarrierRecord, StatusRecord
from channels.contract.records.pages import Page, PullQuery
from channels.contract.records.products import AttributeRecord, CategoryRecord
from channels.contract.validation.schema import Notes, conform, whole
from channels.contract.values import text
from oms.kit.numbers import is_whole_number

if TYPE_CHECKING:
    from channels.models import Connection

BATCH = 100
MOST_OFFSET = 12_000
OFF_SALE = "zero"  # in the connector's memory: listings that Manifold took off sale because their stock was 0
#: The lists of a shop from which a listing's fields are chosen: field -> address under the shop (`etsy.md` §3).
LISTS = {
    "shipping_profile_id": "shipping-profiles",
    "readiness_state_id": "readiness-state-definitions",
    "return_policy_id": "policies/return",
    "shop_section_id": "sections",
}


class ShopFacts:
    """Facts of one shop, each asked for once, and what the connector remembers of its listings.

    `context` returns the adapter's context when it is first needed: reading orders needs none.
    """

    def __init__(
        self, connection: Connection, client: EtsyClient, context: Callable[[], AdapterContext]
    ) -> None:
        self.connection = connection
        self.client = client
        self._context = context

    @property
    def context(self) -> AdapterContext:
        """Memory, one writer at a time, notes on the store."""
        return self._context()

    @cached_property
    def shop_id(self) -> int:
        """Etsy's own id of the shop."""
        extra = self.connection.account.get("extra") or self.connection.account
        known = str(extra.get("shop_id") or self.connection.fingerprint)
        if is_whole_number(known):
            return int(known)
        found = self.client.get("/users/me").get("shop_id")
        if not found:
            raise TemporaryError(_("Etsy did not say which shop this is."))
        return int(found)

    def path(self, rest: str = "") -> str:
        """Return an address under the shop."""
        return f"/shops/{self.shop_id}/{rest}" if rest else f"/shops/{self.shop_id}"

    @cached_property
    def currency(self) -> str:
        """The currency of the shop's prices."""
        return self.connection.currency or str(self.client.get(self.path())["currency_code"])

    def rows(self, name: str) -> list[Any]:
        """Return the shop's own rows for one of the `LISTS`; one page holds all rows of any shop."""
        params = {"limit": 100} if name == "readiness_state_id" else {}
        return list_in(self.client.get(self.path(LISTS[name]), **params), "results", LABEL)

    def choices(self, name: str) -> list[tuple[str, str]]:
        """Return (id, title) of each row of one of the `LISTS`."""
        return choices(name, self.rows(name))

    def all_choices(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        """Return shipping, processing and return profiles and sections, by setting."""
        return {name: self.choices(name) for name in LISTS}

    # ------------------------------------------------ memory
    def off_sale(self, listing_ids: Sequence[str]) -> set[str]:
        """Return those of these listings that Manifold took off sale."""
        return self.context.memory.known(OFF_SALE, listing_ids)

    def note_off_sale(self, listing_id: str) -> None:
        """Remember that Manifold took this listing off sale."""
        self.context.memory.put(OFF_SALE, listing_id)

    def forget_off_sale(self, listing_id: str) -> None:
        """Forget that Manifold took this listing off sale."""
        self.context.memory.forget(OFF_SALE, [listing_id])


# ---------------------------------------------------------------- reading


def statuses() -> Sequence[StatusRecord]:
    """Return Etsy's fixed list of statuses."""
    return [StatusRecord(status_id, status_id.capitalize()) for status_id in STATUSES]


def pull_categories(client: EtsyClient) -> Page[CategoryRecord]:
    """Return the whole seller taxonomy."""
    return read_rows(
        flat(list_in(client.get("/seller-taxonomy/nodes"), "results", LABEL)), category, "id", LABEL
    )


def pull_attributes(facts: ShopFacts, query: PullQuery, page: str | None) -> Page[AttributeRecord]:
    """Return the properties of these categories, else of those of the active listings; one call for each category.

    A page of chosen categories and the first page also have the fields of a listing that are no property of any category, such as its tags.
    """
    client = facts.client
    if query.ids:
        wanted = [int(external_id) for external_id in query.ids if is_whole_number(external_id)]
        found = [record for taxonomy_id in wanted for record in _properties(client, taxonomy_id)]
        return Page([*fields(facts.all_choices()), *found])
    offset, seen = json.loads(page) if page else (0, [])
    answer = client.get(facts.path("listings"), state="active", limit=BATCH, offset=offset)
    rows = list_in(answer, "results", LABEL)
    fresh = list(dict.fromkeys(number for row in mappings(rows) if (number := whole(row.get("taxonomy_id")))))
    fresh = [taxonomy_id for taxonomy_id in fresh if taxonomy_id not in seen]
    records = list(fields(facts.all_choices())) if rows and not page else []
    records += [record for taxonomy_id in fresh for record in _properties(client, taxonomy_id)]
    is_last = len(rows) < BATCH or offset + BATCH > MOST_OFFSET
    return Page(records, None if is_last else json.dumps([offset + BATCH, [*seen, *fresh]]))


def _properties(client: EtsyClient, taxonomy_id: int) -> Sequence[AttributeRecord]:
    answer = client.get(f"/seller-taxonomy/nodes/{taxonomy_id}/properties")
    return readable(list_in(answer, "results", LABEL), lambda row: attribute(row, taxonomy_id))


def pull_carriers(facts: ShopFacts) -> Sequence[CarrierRecord]:
    """Return the carriers of the shop's country."""
    country = facts.connection.account.get("country") or "GB"
    answer = facts.client.get("/shipping-carriers", origin_country_iso=country)
    names = [text(row.get("name")) for row in mappings(list_in(answer, "results", LABEL))]
    records = [carriers.record(name) for name in names if name]
    return list({record.external_id: record for record in records}.values())


# ---------------------------------------------------------------- mapping


def categories(nodes: Iterable[Any]) -> Iterable[CategoryRecord]:
    """Yield the seller taxonomy, flat, parents first."""
    return map(category, flat(nodes))


def flat(nodes: Iterable[Any], path: tuple[str, ...] = ()) -> Iterable[Any]:
    """Yield the nodes of the taxonomy, parents first, each with its names in `path`; what is no node unchanged."""
    for node in nodes:
        if not isinstance(node, Mapping):
            yield node
            continue
        names = (*path, text(node.get("name")))
        yield {**node, "path": names}
        yield from flat(mappings(node.get("children")), names)


def category(row: Any) -> CategoryRecord:
    """Return a category from a node of the flat taxonomy."""
    node = conform(payloads.TaxonomyNode, row, Notes())
    return CategoryRecord(
        external_id=str(node["id"]),
        name=text(node["name"]),
        path=" > ".join(row["path"]),
        parent_external_id=str(node["parent_id"]) if node["parent_id"] else "",
    )


def attribute(row: Any, taxonomy_id: int) -> AttributeRecord:
    """Return a property of one category; the same property of another category has other values."""
    row = conform(payloads.TaxonomyProperty, row, Notes())
    return AttributeRecord(
        external_id=f"{taxonomy_id}:{row['property_id']}",
        name=text(row["display_name"]),
        group=str(taxonomy_id),
        values=tuple(text(value["name"]) for value in row["possible_values"] if value.get("name")),
        is_required=bool(row["is_required"]),
    )


def fields(choices: Mapping[str, Sequence[tuple[str, str]]]) -> Iterable[AttributeRecord]:
    """Yield the fields of every listing that are edited like attributes; profiles, policies, sections have their titles."""
    plain: dict[str, tuple[str, ...]] = {
        "tags": (),
        "materials": (),
        "who_made": ("i_did", "someone_else", "collective"),
        "when_made": (),  # its ranges move every January
        "is_supply": ("false", "true"),
    }
    listed = {name: tuple(title for _key, title in rows) for name, rows in choices.items()}
    for name, values in {**plain, **listed}.items():
        yield AttributeRecord(external_id=f"listing:{name}", name=name, values=values)


def choices(field: str, rows: Iterable[Any]) -> list[tuple[str, str]]:
    """Return (id, title) of each row of a list that is not deleted; a row without a title is described by its fields."""
    return [
        (str(row[field]), _choice(row))
        for row in rows
        if isinstance(row, Mapping) and row.get(field) is not None and not row.get("is_deleted")
    ]


def _choice(row: Mapping[str, Any]) -> str:
    """Return a row's title. It is not translated: products name a row by this text, in any language of the screen."""
    if row.get("title"):
        return text(row["title"])
    if "readiness_state" in row:
        state = "Made to order" if row["readiness_state"] == "made_to_order" else "Ready to ship"
        days = text(row.get("processing_days_display_label") or row.get("min_processing_days"))
        return f"{state}, {days}" if days else state
    taken = [
        name for name, is_taken in (("returns", row.get("accepts_returns")), ("exchanges", row.get("accepts_exchanges")))
        if is_taken
    ]  # fmt: skip
    return (
        f"{' and '.join(taken)} within {row.get('return_deadline')} days".capitalize()
        if taken
        else "No returns"
    )
