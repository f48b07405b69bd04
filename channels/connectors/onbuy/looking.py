"""What is there on OnBuy: queue entries, the seller's listings, the catalogue's products, a category's features."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from channels.connectors.onbuy import mapping
from channels.connectors.onbuy.client import PAGE_SIZE, SITE, OnBuyClient
from channels.contract.errors import Rejected
from channels.contract.records.updates import ListingDraft

AT_ONCE = 50  # queue numbers in one call
NEWEST = 5  # pages of the queue that are looked through


class Looker:
    """Reads for one store. The lists of a category are asked for once."""

    def __init__(self, client: OnBuyClient) -> None:
        self.client = client
        self._lists: dict[str, Sequence[Any]] = {}

    # ------------------------------------------------ queue
    def entries(self, queue_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Queue entries by their number: fifty a call, else among the newest (the filter was seen ignored), else one by one.

        One that OnBuy does not know (yet) is missing.
        """
        wanted = list(dict.fromkeys(queue_ids))
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(wanted), AT_ONCE):
            part = wanted[start : start + AT_ONCE]
            params = {"filter[queue_ids]": ",".join(part)}
            found |= _by(self.client.rows("/queues", site_id=SITE, **params).rows, "queue_id")
        missing = {each for each in wanted if each not in found}
        if len(missing) > 1:
            found |= {key: row for key, row in self._newest("queue_id", missing).items() if key in missing}
        for each in wanted:
            if each not in found and (row := self._entry(each)) is not None:
                found[each] = row
        return {each: found[each] for each in wanted if each in found}

    def entries_of(self, uids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The newest queue entry of each of our references, among the newest of the queue."""
        return {uid: row for uid, row in self._newest("uid", set(uids)).items() if uid in uids}

    def _newest(self, key: str, wanted: set[str]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for page in range(NEWEST):
            rows = self.client.rows("/queues", site_id=SITE, offset=page * PAGE_SIZE)
            found = _by(rows.rows, key) | found  # newest first: what was found before is newer
            end = page * PAGE_SIZE + len(rows.rows)
            if wanted <= found.keys() or not rows.rows or (rows.total is not None and end >= rows.total):
                break
        return found

    def _entry(self, queue_id: str) -> dict[str, Any] | None:
        try:
            found = self.client.get(f"/queues/{queue_id}", site_id=SITE).get("results")
        except Rejected as error:
            if error.code == "404":
                return None
            raise
        return found if isinstance(found, dict) else None

    # ------------------------------------------------ listings and products
    def listing(self, sku: str) -> dict[str, Any] | None:
        """The seller's listing with exactly this SKU."""
        found = self.client.rows("/listings", site_id=SITE, **{"filter[sku]": sku})
        return next((row for row in found.rows if mapping.opaque(row.get("sku")) == sku), None)

    def opc_of(self, barcode: str) -> str:
        """The catalogue product with exactly this barcode; OnBuy's search is textual and finds longer ones too."""
        params = {"filter[query]": barcode, "filter[field]": "product_code"}
        found = self.client.rows("/products", site_id=SITE, **params)
        for row in found.rows:
            if barcode in {mapping.text(code) for code in row.get("product_codes") or ()}:
                return mapping.text(row["opc"])
        return ""

    def opcs_of(self, draft: ListingDraft) -> dict[str, str]:
        """The catalogue products of a draft by `VariantDraft.ref`; empty unless every SKU has one."""
        found: dict[str, str] = {}
        for variant in draft.variants:
            opc = self.opc_of(variant.barcode) if variant.barcode else ""
            if not opc:
                return {}
            found[variant.ref] = opc
        return found

    def features(self, draft: ListingDraft) -> list[dict[str, Any]]:
        """The draft's attributes as options of the category's features, by their names."""
        wanted = _by_name(draft)
        return [
            {"option_id": int(option["option_id"]), "name": option["name"]}
            for row in self._of_category(draft, "features")
            for option in row.get("options") or ()
            if (value := wanted.get(mapping.text(row["name"]).casefold()))
            and value.casefold() == mapping.text(option["name"]).casefold()
        ]

    def details(self, draft: ListingDraft) -> list[dict[str, Any]]:
        """The draft's attributes as technical details of the category, by their names."""
        wanted = _by_name(draft)
        return [
            _detail(row, wanted[name])
            for group in self._of_category(draft, "technical-details")
            for row in group.get("options") or ()
            if (name := mapping.text(row["name"]).casefold()) in wanted
        ]

    def _of_category(self, draft: ListingDraft, what: str) -> Sequence[Any]:
        if not draft.attributes or not draft.category_external_ids:
            return []
        path = f"/categories/{int(draft.category_external_ids[0])}/{what}"
        if path not in self._lists:
            self._lists[path] = self.client.all_rows(path, site_id=SITE)
        return self._lists[path]


def _by_name(draft: ListingDraft) -> dict[str, str]:
    return {name.casefold(): value.strip() for name, value in draft.attributes.items() if value.strip()}


def _detail(row: Any, value: str) -> dict[str, Any]:
    """A value of a technical detail; of “12 cm” the unit is told apart, where OnBuy has it."""
    found: dict[str, Any] = {"detail_id": int(row["detail_id"]), "value": value}
    for unit in sorted(map(mapping.text, row.get("units") or ()), key=len, reverse=True):
        number = value[: -len(unit)].rstrip() if unit else ""
        if value.casefold().endswith(unit.casefold()) and re.fullmatch(r"\d[\d.,]*", number):
            return {**found, "value": number, "unit": unit}
    return found


def _by(rows: Sequence[Any], key: str) -> dict[str, dict[str, Any]]:
    """Rows by a field; of several the first."""
    return {str(row.get(key)): row for row in reversed(rows) if isinstance(row, dict) and row.get(key)}
