"""Create listings on OnBuy: on an existing product of its catalogue, or as a new product through its queue (§6, §7).

An accepted product does not exist yet: OnBuy's queue creates it, and a new listing has price 0 and stock 0 whatever was
sent. So each unfinished step has a name (`queue:<id>`, `update:<id>`, `live`) and is checked again until OnBuy accepts the
price and stock that make the listing live. Many are sent together: a hundred new products in one POST, a thousand SKUs in
the PUT that makes them live.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from django.utils import timezone

from channels.connectors.onbuy import listing_bodies
from channels.connectors.onbuy.channel import BATCH, PRODUCTS
from channels.connectors.onbuy.client import (
    NO_SUCH_SKU,
    SITE,
    OnBuyClient,
    answers_of,
    is_refused,
    item_error_text,
    refused_sku,
    rows_of,
)
from channels.connectors.onbuy.payloads import text
from channels.connectors.onbuy.products import Queue, listing, opcs_of
from channels.contract.errors import ChannelError, Rejected, Uncertain
from channels.contract.records.listings import PlannedRequest
from channels.contract.records.products import ProductKind
from channels.contract.records.updates import ListingDraft, ListingJob, ListingResult
from channels.contract.translation import gettext as _

QUEUE, UPDATE, LIVE = "queue:", "update:", "live"
QUEUE_WAIT, LIVE_WAIT, FIRST_WAIT = 60.0, 60.0, 5.0  # seconds
LONG_WAIT = 300.0  # seconds, when many wait: each check costs one request for fifty of them
FEW = 10  # up to this number the barcodes are searched first; for more, the queue reports which exist already

Answer = ListingResult | ChannelError
Answers = dict[int, Answer]
Item = tuple[int, ListingDraft]
Work = Callable[[Sequence[Item]], None]


class Maker:
    """Creates and changes the products and listings of one store.

    `terms` are the store's settings for new listings. OnBuy's `uid` is the draft's own reference, which is the same
    in every repetition and another one in another installation.
    """

    def __init__(self, client: OnBuyClient, *, terms: Mapping[str, Any]) -> None:
        self.client = client
        self.terms = terms
        self.queue = Queue(client)
        self._lists: dict[str, Sequence[Any]] = {}

    # ------------------------------------------------ many at once
    def make(self, jobs: Sequence[ListingJob]) -> list[Answer]:
        """Begin each job, or continue it from its step; return one answer for each, in their order."""
        answers: Answers = {}
        items = list(enumerate(jobs))
        live = [(place, job.draft) for place, job in items if job.step == LIVE]
        unsure = [(place, job.draft) for place, job in items if not job.step and job.is_uncertain]
        new = [(place, job.draft) for place, job in items if not job.step and not job.is_uncertain]
        on: dict[int, Mapping[str, str]] = {}
        urls: dict[int, str] = {}
        self._progress(answers, jobs, live, on, urls)
        if unsure:
            self._try(answers, unsure, partial(self._found, answers))
            new += [item for item in unsure if item[0] not in answers]
        if len(new) <= FEW:
            for item in new:
                self._try(answers, [item], partial(self._find_products, on))
        existing = [(place, jobs[place].draft) for place in on if place not in answers]
        self._each(answers, existing, PRODUCTS, partial(self._list_on, answers, on))
        new = [item for item in new if item[0] not in answers]
        self._each(answers, new, PRODUCTS, partial(self._create, answers))
        self._each(answers, live, BATCH, partial(self._make_live, answers, urls))
        return _with_ids(jobs, answers)

    def find(self, draft: ListingDraft) -> ListingResult | None:
        """Return the result of an earlier `create` without an answer; None when OnBuy does not have it."""
        answers: Answers = {}
        self._found(answers, [(0, draft)])
        found = _with_ids([ListingJob(draft)], answers)[0] if answers else None
        return found if isinstance(found, ListingResult) else None

    def change(self, jobs: Sequence[ListingJob]) -> list[Answer]:
        """Send changed content through the queue, or continue. OnBuy accepts it only from the seller who created the product."""
        answers: Answers = {}
        self._progress(answers, jobs, [], {}, {})
        new = [(place, job.draft) for place, job in enumerate(jobs) if not job.step]
        self._each(answers, new, PRODUCTS, partial(self._update, answers))
        return _with_ids(jobs, answers)

    def _each(self, answers: Answers, items: Sequence[Item], size: int, work: Work) -> None:
        for part in _parts(items, size):
            self._try(answers, part, work)

    def _try(self, answers: Answers, items: Sequence[Item], work: Work) -> None:
        """Send one call for these items. A refused call is sent again in halves, to find the wrong item; any other error is
        the answer of all items of the call that have no answer yet."""
        try:
            work(items)
        except ChannelError as error:
            if isinstance(error, Rejected) and error.code != "403" and len(items) > 1:
                middle = len(items) // 2
                self._try(answers, items[:middle], work)
                self._try(answers, items[middle:], work)
                return
            for place, _draft in items:
                answers.setdefault(place, error)

    def _of_category(self, draft: ListingDraft, what: str) -> Sequence[Any]:
        """Return a list of the draft's category, read once and only when the draft has attributes or options."""
        has_some = draft.attributes or draft.kind == ProductKind.GROUP
        if not has_some or not draft.category_external_ids:
            return []
        path = f"/categories/{int(draft.category_external_ids[0])}/{what}"
        if path not in self._lists:
            self._lists[path] = self.client.all_rows(path, site_id=SITE)
        return self._lists[path]

    # ------------------------------------------------ steps
    def _find_products(self, on: dict[int, Mapping[str, str]], items: Sequence[Item]) -> None:
        for place, draft in items:
            if opcs := opcs_of(self.client, draft):
                on[place] = opcs

    def _create(self, answers: Answers, items: Sequence[Item]) -> None:
        """Create new products in one POST."""
        bodies: dict[int, dict[str, Any]] = {}
        for place, draft in items:
            try:
                bodies[place] = self._new_body(draft)
            except ChannelError as error:
                answers[place] = error
        if bodies:
            document = self.client.post("/products", {"products": list(bodies.values())})
            self._accepted(answers, bodies, document, QUEUE)

    def _attributes(self, draft: ListingDraft) -> dict[str, Any]:
        found = {
            "features": listing_bodies.features(draft, self._of_category(draft, "features")),
            "technical_detail": listing_bodies.details(draft, self._of_category(draft, "technical-details")),
        }
        return {name: rows for name, rows in found.items() if rows}

    def _new_body(self, draft: ListingDraft) -> dict[str, Any]:
        return listing_bodies.new_product(
            draft,
            terms=self.terms,
            features=listing_bodies.features(draft, self._of_category(draft, "features")),
            details=listing_bodies.details(draft, self._of_category(draft, "technical-details")),
        )

    def plan(self, draft: ListingDraft) -> list[PlannedRequest]:
        """Return the requests that create this listing: on products that OnBuy has by their barcodes, else as a new product."""
        if opcs := opcs_of(self.client, draft):
            note = _("OnBuy has this product already: it is listed on it.")
            rows = self._listing_rows(draft, opcs)
            first = PlannedRequest("POST", "/listings", {"listings": rows}, note)
        else:
            note = _("OnBuy's queue creates the product, usually within 30 minutes.")
            first = PlannedRequest("POST", "/products", {"products": [self._new_body(draft)]}, note)
        now = timezone.now()
        live = [listing_bodies.live_item(variant, now) for variant in draft.variants]
        note = _("Afterwards: price and stock, which make the listing live.")
        return [first, PlannedRequest("PUT", "/listings/by-sku", {"listings": live}, note)]

    def _listing_rows(self, draft: ListingDraft, opcs: Mapping[str, str]) -> list[dict[str, Any]]:
        group = {"group_sku": listing_bodies.group_sku(draft)} if draft.kind == ProductKind.GROUP else {}
        return [
            {
                "opc": opcs[each.ref],
                "condition": "new",
                **listing_bodies.offer(each, self.terms),
                **group,
            }
            for each in draft.variants
        ]

    def _update(self, answers: Answers, items: Sequence[Item]) -> None:
        bodies: dict[int, dict[str, Any]] = {}
        for place, draft in items:
            try:
                body = self._changed(draft)
            except ChannelError as error:
                answers[place] = error
                continue
            if body is None:
                answers[place] = ListingResult(draft.external_id, {})
            else:
                bodies[place] = body
        if bodies:
            document = self.client.put("/products", {"products": list(bodies.values())})
            self._accepted(answers, bodies, document, UPDATE)

    def _changed(self, draft: ListingDraft) -> dict[str, Any] | None:
        names = ("title", "description", "brand", "image_urls")
        fields = [name for name in names if not draft.changed or name in draft.changed]
        if any(not variant.external_id for variant in draft.variants):
            raise Rejected(
                _("OnBuy accepts no new options for an existing group. List a new group."), field="variants"
            )
        content = listing_bodies.content(draft, fields)
        if draft.category_external_ids and "category_external_ids" in draft.changed:
            content["category_id"] = listing_bodies.category_id(draft)
        if draft.attributes and "attributes" in draft.changed:
            content |= self._attributes(draft)
        if not content:
            return None
        row = listing(self.client, draft.variants[0].external_id)
        if row is None or not row.get("opc"):
            raise Rejected(_("OnBuy no longer has this listing."), code="no_such_sku")
        return {"opc": str(row["opc"]), "uid": draft.ref, **content}

    @staticmethod
    def _accepted(
        answers: Answers, bodies: Mapping[int, Mapping[str, Any]], document: Any, step: str
    ) -> None:
        """Store the queue number of each item, by Manifold's reference; the answer to a single item may lack the reference."""
        rows = rows_of(document)
        known = {str(row.get("uid")): row for row in rows if row.get("uid")}
        alone = (rows[0] if rows else document) if len(bodies) == 1 else None
        for place, body in bodies.items():
            row = known.get(body["uid"]) or (alone if isinstance(alone, dict) else {})
            queue_id = row.get("queue_id")
            if queue_id and not is_refused(row):
                answers[place] = _step(f"{step}{queue_id}", QUEUE_WAIT)
            elif row and (reason := item_error_text(row)):
                answers[place] = Rejected(_("OnBuy refused the product: %s") % reason)
            else:
                answers[place] = Uncertain(
                    _("OnBuy answered without a queue number; Manifold checks whether it was accepted.")
                )

    def _list_on(self, answers: Answers, on: Mapping[int, Mapping[str, str]], items: Sequence[Item]) -> None:
        """Create listings on existing products of the catalogue, by their OPC. A listing that exists already counts as created."""
        rows: list[dict[str, Any]] = []
        for place, draft in items:
            rows += self._listing_rows(draft, on[place])
        errors = {
            str(row.get("sku")): item_error_text(row)
            for row in rows_of(self.client.post("/listings", {"listings": rows}))
        }
        for place, draft in items:
            answers[place] = _step(LIVE, FIRST_WAIT)
            for variant in draft.variants:
                error = errors.get(variant.sku)
                if error is None:
                    answers[place] = Uncertain(
                        _("OnBuy gave no answer for this SKU; Manifold searches for it.")
                    )
                elif error and "already" not in error.casefold():
                    answers[place] = refused_sku(variant.sku, error)
                    break

    def _found(self, answers: Answers, items: Sequence[Item]) -> None:
        """Search for items whose answer was lost: by Manifold's reference in the queue, else by all SKUs among the listings."""
        entries = self.queue.entries_of([draft.ref for _place, draft in items])
        for place, draft in items:
            entry = entries.get(draft.ref)
            if entry is not None and entry.get("status") != "failed":
                answers[place] = _step(QUEUE + str(entry["queue_id"]), FIRST_WAIT)
            elif all(listing(self.client, variant.sku) for variant in draft.variants):
                answers[place] = _step(LIVE, FIRST_WAIT)

    def _progress(
        self,
        answers: Answers,
        jobs: Sequence[ListingJob],
        live: list[Item],
        on: dict[int, Mapping[str, str]],
        urls: dict[int, str],
    ) -> None:
        """Read the queue: done (then make live), failed, or wait. For a barcode that exists, list on its product."""
        queued = {place: job for place, job in enumerate(jobs) if job.step and job.step != LIVE}
        ids = {place: job.step.partition(":")[2] for place, job in queued.items()}
        entries: dict[str, dict[str, Any]] = {}
        try:
            entries = self.queue.entries(list(ids.values())) if ids else {}
        except ChannelError as error:
            answers |= dict.fromkeys(queued, error)
            return
        for place, job in queued.items():
            entry = entries.get(ids[place]) or {}
            is_update = job.step.startswith(UPDATE)
            if entry.get("status") == "success":
                if is_update:
                    answers[place] = ListingResult(job.draft.external_id, {})
                else:
                    urls[place] = text(entry.get("product_url"))
                    live.append((place, job.draft))
            elif entry.get("status") != "failed":
                answers[place] = _step(job.step, QUEUE_WAIT)
            else:
                answers[place] = self._failed(job, entry)
                if not is_update and entry.get("existing_opc"):
                    self._try(
                        answers, [(place, job.draft)], partial(self._list_on_existing, answers, on, entry)
                    )

    @staticmethod
    def _failed(job: ListingJob, entry: Mapping[str, Any]) -> Rejected:
        words = str(entry.get("error_message") or _("it gave no reason"))
        return Rejected(_("OnBuy refused the product: %s") % words, code="queue_failed")

    def _list_on_existing(
        self,
        answers: Answers,
        on: dict[int, Mapping[str, str]],
        entry: Mapping[str, Any],
        items: Sequence[Item],
    ) -> None:
        """List on the product that has the barcode already; a group only if all its barcodes exist."""
        for place, draft in items:
            refused = answers.pop(place)
            if draft.kind == ProductKind.SINGLE:
                on[place] = {draft.variants[0].ref: str(entry["existing_opc"])}
            elif opcs := opcs_of(self.client, draft):
                on[place] = opcs
            else:
                answers[place] = refused

    def _make_live(self, answers: Answers, urls: Mapping[int, str], items: Sequence[Item]) -> None:
        """Send price and stock of every SKU; a SKU that OnBuy does not find yet is sent again later."""
        now = timezone.now()
        rows = [
            listing_bodies.live_item(variant, now) for _place, draft in items for variant in draft.variants
        ]
        errors = answers_of(
            self.client.put("/listings/by-sku", {"listings": rows}), [row["sku"] for row in rows]
        )
        for place, draft in items:
            external_id, ids = listing_bodies.listed(draft)
            answers[place] = ListingResult(external_id, ids, url=urls.get(place, ""))
            for variant in draft.variants:
                error = errors.get(variant.sku)
                if error is None or NO_SUCH_SKU in error.casefold():
                    answers[place] = _step(LIVE, LIVE_WAIT)
                elif error:
                    answers[place] = refused_sku(variant.sku, error)
                    break


def _step(step: str, wait: float) -> ListingResult:
    """Return an unfinished step; `_with_ids` adds the draft's ids."""
    return ListingResult("", {}, is_pending=True, step=step, wait=wait)


def _with_ids(jobs: Sequence[ListingJob], answers: Answers) -> list[Answer]:
    """Return one answer for each job. When many wait for the queue, the next check is later, since it needs many requests."""
    found: list[Answer] = []
    for place, job in enumerate(jobs):
        answer = answers.get(place) or Uncertain(
            _("OnBuy gave no answer for this product; Manifold searches for it.")
        )
        if isinstance(answer, ListingResult) and answer.is_pending:
            external_id, ids = listing_bodies.listed(job.draft)
            is_expensive = answer.step != LIVE and answer.wait == QUEUE_WAIT and len(jobs) > FEW
            wait = LONG_WAIT if is_expensive else answer.wait
            answer = replace(answer, external_id=external_id, variant_external_ids=ids, wait=wait)
        found.append(answer)
    return found


def _parts(items: Sequence[Item], skus: int) -> Iterator[Sequence[Item]]:
    """Split items into calls of at most this number of SKUs; a group is never split."""
    part: list[Item] = []
    count = 0
    for item in items:
        size = len(item[1].variants)
        if part and count + size > skus:
            yield part
            part, count = [], 0
        part.append(item)
        count += size
    if part:
        yield part
