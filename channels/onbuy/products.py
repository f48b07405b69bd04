"""Putting something on OnBuy: on a catalogue product that is there, or as a new one through its queue (§6, §7).

What OnBuy accepts is not there yet: a queue makes it, and a new listing is born with price 0 and stock 0 whatever
was sent. So each step that is open is named (`queue:<id>`, `update:<id>`, `live`) and looked at again until the
price and stock that make the listing live are taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone

from channels.errors import Rejected, TemporaryError, Uncertain
from channels.onbuy import drafts, mapping
from channels.onbuy.client import SITE, OnBuyClient
from channels.records import ListingDraft, ListingResult, ProductKind

QUEUE, UPDATE, LIVE = "queue:", "update:", "live"
QUEUE_WAIT, LIVE_WAIT, FIRST_WAIT = 60.0, 60.0, 5.0
NOT_THERE = "sku does not exist"


class Maker:
    """The products and listings of one store. It asks for the newest queue entries once for many listings.

    `terms` are what the store's settings say about new listings; `account` names this installation's store.
    """

    def __init__(self, client: OnBuyClient, *, account: str, terms: Mapping[str, Any]) -> None:
        self.client = client
        self.account = account
        self.terms = terms
        self._entries: dict[str, Any] | None = None
        self._looked_at: set[str] = set()

    # ------------------------------------------------ beginning
    def create(self, draft: ListingDraft) -> ListingResult:
        """List on the catalogue products that have these barcodes; where there are none, ask for a new product."""
        found = {variant.ref: self.opc_of(variant.barcode) for variant in draft.variants if variant.barcode}
        if len(found) == len(draft.variants) and all(found.values()):
            return self.list_on(draft, found)
        body = drafts.new_product(
            draft,
            uid=drafts.reference(draft, self.account),
            terms=self.terms,
            features=self.features(draft),
        )
        return self._pending(draft, QUEUE + self._accepted(self.client.post("/products", body)), QUEUE_WAIT)

    def find(self, draft: ListingDraft) -> ListingResult | None:
        """What became of an earlier `create` whose answer never came."""
        if all(self.listing(variant.sku) for variant in draft.variants):
            return self._pending(draft, LIVE, FIRST_WAIT)
        uid = drafts.reference(draft, self.account)
        self._entries = None
        for entry in self.entries().values():
            if entry.get("uid") == uid and entry.get("status") != "failed":
                return self._pending(draft, QUEUE + str(entry["queue_id"]), FIRST_WAIT)
        return None

    def update(self, draft: ListingDraft) -> ListingResult:
        """Send changed content, through the queue. OnBuy takes it only from who made the product."""
        names = ("title", "description", "brand", "image_urls")
        fields = [name for name in names if not draft.changed or name in draft.changed]
        if any(not variant.external_id for variant in draft.variants):
            raise Rejected(
                "OnBuy takes no new options for a group that is there: list a new group.", field="variants"
            )
        row = self.listing(draft.variants[0].external_id)
        if row is None or not row.get("opc"):
            raise Rejected("OnBuy does not have this listing any more.", code="no_such_sku")
        content = drafts.content(draft, fields)
        if not content:
            return ListingResult(draft.external_id, {})
        answer = self.client.put("/products", {"products": [{"opc": str(row["opc"]), **content}]})
        return self._pending(draft, UPDATE + self._accepted(answer), QUEUE_WAIT)

    def list_on(self, draft: ListingDraft, opcs: Mapping[str, str]) -> ListingResult:
        """Offers on catalogue products that are there, by their OPC."""
        group = {"group_sku": drafts.group_sku(draft)} if draft.kind == ProductKind.GROUP else {}
        rows = [
            {"opc": opcs[variant.ref], "condition": "new", **drafts.offer(variant, self.terms), **group}
            for variant in draft.variants
        ]
        answer = self.client.post("/listings", {"listings": rows})
        for result in answer.get("results") or ():
            words = str(result.get("message") or result.get("error") or "")
            if result.get("success") is False and "already" not in words.casefold():
                raise Rejected(f"OnBuy refused {result.get('sku', 'it')}: {words or 'it gave no reason'}")
        return self._pending(draft, LIVE, FIRST_WAIT)

    # ------------------------------------------------ going on
    def progress(self, draft: ListingDraft, step: str) -> ListingResult:
        """Go on from a step; raises `Rejected` with OnBuy's words when its queue failed."""
        if step == LIVE:
            return self.make_live(draft)
        is_update = step.startswith(UPDATE)
        entry = self.entry(step.partition(":")[2])
        status = entry.get("status") if entry else "pending"
        if status == "success":
            return ListingResult(draft.external_id, {}) if is_update else self.make_live(draft, entry)
        if status != "failed":
            return self._pending(draft, step, QUEUE_WAIT)
        opc = str((entry or {}).get("existing_opc") or "")
        if opc and not is_update and draft.kind == ProductKind.SINGLE:
            return self.list_on(draft, {draft.variants[0].ref: opc})
        words = str((entry or {}).get("error_message") or "it gave no reason")
        raise Rejected(f"OnBuy refused the product: {words}", code="queue_failed")

    def make_live(self, draft: ListingDraft, entry: Mapping[str, Any] | None = None) -> ListingResult:
        """Send price and stock of every SKU; while OnBuy does not know one yet, it is sent again."""
        now = timezone.now()
        items = [drafts.live_item(variant, now) for variant in draft.variants]
        answers = answers_of(self.client.put("/listings/by-sku", {"listings": items}))
        for variant in draft.variants:
            words = answers.get(variant.sku)
            if words is None or NOT_THERE in words.casefold():
                return self._pending(draft, LIVE, LIVE_WAIT)
            if words:
                raise Rejected(f"OnBuy refused {variant.sku}: {words}")
        external_id, ids = drafts.listed(draft)
        return ListingResult(external_id, ids, url=mapping.text((entry or {}).get("product_url")))

    def _pending(self, draft: ListingDraft, step: str, wait: float) -> ListingResult:
        external_id, ids = drafts.listed(draft)
        return ListingResult(external_id, ids, is_pending=True, step=step, wait=wait)

    @staticmethod
    def _accepted(answer: Any) -> str:
        """The queue's number in an answer, of one product or of a batch of one."""
        results = answer.get("results") if isinstance(answer, dict) else None
        row = results[0] if isinstance(results, list) and results else answer
        queue_id = row.get("queue_id") if isinstance(row, dict) else None
        if queue_id and row.get("success") is not False:
            return str(queue_id)
        words = str(row.get("message") or row.get("error") or "") if isinstance(row, dict) else ""
        if words:
            raise Rejected(f"OnBuy refused the product: {words}")
        raise Uncertain("OnBuy answered without a queue number; whether it was taken is looked up.")

    # ------------------------------------------------ looking
    def entries(self) -> dict[str, Any]:
        """The newest queue entries by number: asked for once, so that many listings cost one call."""
        if self._entries is None:
            found = self.client.rows("/queues", site_id=SITE)
            self._entries = {str(row["queue_id"]): row for row in found.rows}
        return self._entries

    def entry(self, queue_id: str) -> dict[str, Any] | None:
        if queue_id in self._looked_at:  # it wants to know anew
            self._entries = None
            self._looked_at.clear()
        self._looked_at.add(queue_id)
        known: dict[str, Any] | None = self.entries().get(queue_id)
        if known is not None:
            return known
        try:
            found = self.client.get(f"/queues/{queue_id}", site_id=SITE).get("results")
        except Rejected as error:
            if error.code == "404":
                return None
            raise
        return found if isinstance(found, dict) else None

    def listing(self, sku: str) -> dict[str, Any] | None:
        """The seller's listing with exactly this SKU."""
        found = self.client.rows("/listings", site_id=SITE, **{"filter[sku]": sku})
        return next((row for row in found.rows if mapping.text(row.get("sku")) == sku), None)

    def opc_of(self, barcode: str) -> str:
        """The catalogue product with exactly this barcode; OnBuy's search is textual and finds longer ones too."""
        params = {"filter[query]": barcode, "filter[field]": "product_code"}
        found = self.client.rows("/products", site_id=SITE, **params)
        for row in found.rows:
            if barcode in {mapping.text(code) for code in row.get("product_codes") or ()}:
                return mapping.text(row["opc"])
        return ""

    def features(self, draft: ListingDraft) -> list[dict[str, Any]]:
        """The draft's attributes as options of the category's features, by their names."""
        if not draft.attributes or not draft.category_external_ids:
            return []
        wanted = {name.casefold(): value.casefold() for name, value in draft.attributes.items()}
        found: list[dict[str, Any]] = []
        path = f"/categories/{int(draft.category_external_ids[0])}/features"
        for row in self.client.rows(path, site_id=SITE).rows:
            value = wanted.get(mapping.text(row["name"]).casefold())
            found += [
                {"option_id": int(option["option_id"]), "name": option["name"]}
                for option in row.get("options") or ()
                if value == mapping.text(option["name"]).casefold()
            ]
        return found


def answers_of(document: Any) -> dict[str, str]:
    """Per SKU what `PUT /listings/by-sku` said: '' = done. A SKU that is missing was not answered."""
    results = document.get("results") if isinstance(document, dict) else None
    rows: Sequence[Any] = results if isinstance(results, list) else []
    answers = {}
    for row in rows:
        failed = row.get("success") is False
        answers[str(row.get("sku"))] = str(
            row.get("error") or (row.get("message") or "refused" if failed else "")
        )
    return answers


def error_of(sku: str, words: str | None) -> Exception | None:
    """The outcome of one SKU: None is done; one that was not answered is asked again."""
    if words == "":
        return None
    if words is None:
        return TemporaryError("OnBuy gave no answer for this SKU.")
    if NOT_THERE in words.casefold():
        return Rejected(f"OnBuy has no listing with the SKU {sku}.", code="no_such_sku", detail=words)
    if "suspended" in words.casefold():
        return Rejected(f"OnBuy has suspended {sku} and takes no changes: {words}", code="suspended")
    return Rejected(f"OnBuy refused {sku}: {words}")
