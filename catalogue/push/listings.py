"""Create, change and delete listings on their stores. The data is read when the message is sent."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from catalogue import search_text
from catalogue.errors import CatalogueError
from catalogue.models import Listing, ListingVariant
from catalogue.models.keys import text_hash
from catalogue.push.listing_drafts import draft_of
from catalogue.push.refusals import store_refusal
from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import ChannelError, Rejected
from channels.contract.records.updates import ListingDraft, ListingJob, ListingResult, Outcome
from channels.models import Connection, OutboxMessage
from channels.push import outbox
from channels.push.outbox import PlanLine
from channels.push.topics import Topic
from oms.kit.bulk import set_to

log = logging.getLogger(__name__)


class _ListingHandler:
    """Send one listing at a time; the subject of a message is a listing."""

    def send(
        self, connection: Connection, messages: Sequence[OutboxMessage], adapter: ChannelAdapter
    ) -> Sequence[Outcome]:
        return [self._one(message, adapter) for message in messages]

    def _one(self, message: OutboxMessage, adapter: ChannelAdapter) -> Outcome:
        ref = str(message.pk)
        listing = _listing(message)
        if listing is None:
            return Outcome(ref, note=_("The listing was deleted in Manifold. Nothing was sent."))
        try:
            return self.send_one(listing, message, adapter)
        except CatalogueError as error:
            return Outcome(ref, Rejected(str(error)))
        except ChannelError as error:
            return Outcome(ref, error)

    def send_one(self, listing: Listing, message: OutboxMessage, adapter: ChannelAdapter) -> Outcome:
        raise NotImplementedError

    def plan(self, connection: Connection, messages: Sequence[OutboxMessage]) -> Sequence[PlanLine]:
        rows = Listing.objects.filter(pk__in=[message.subject for message in messages]).select_related(
            "product"
        )
        listings = {row.pk: row for row in rows}
        return [
            PlanLine(message.pk, listing.product.title, *self.words(listing))
            for message in messages
            if (listing := listings.get(message.subject)) is not None
        ]

    def words(self, listing: Listing) -> tuple[str, str, str]:
        raise NotImplementedError


def _listing(message: OutboxMessage) -> Listing | None:
    rows = Listing.objects.select_related("product__brand", "connection")
    return rows.filter(pk=message.subject).first()


@dataclass(frozen=True, slots=True)
class _Work:
    """A message that is sent: its listing, the rows of its SKUs, and the job for the adapter."""

    message: OutboxMessage
    listing: Listing
    rows: Sequence[ListingVariant]
    job: ListingJob


class _InBatches(_ListingHandler):
    """Send as many listings in one call as the channel accepts."""

    def send(
        self, connection: Connection, messages: Sequence[OutboxMessage], adapter: ChannelAdapter
    ) -> Sequence[Outcome]:
        outcomes: dict[str, Outcome] = {}
        work: list[_Work] = []
        for message in messages:
            ref, listing = str(message.pk), _listing(message)
            if listing is None:
                outcomes[ref] = Outcome(ref, note=_("The listing was deleted in Manifold. Nothing was sent."))
            elif (unneeded := self.unneeded(ref, listing)) is not None:
                outcomes[ref] = unneeded
            else:
                try:
                    work.append(self.work(message, listing))
                except CatalogueError as error:
                    refused = Rejected(str(error), field="price")
                    store_refusal(listing, refused)
                    outcomes[ref] = Outcome(ref, refused)
        answers = self.ask(adapter, [each.job for each in work]) if work else ()
        for each, answer in zip(work, answers, strict=True):
            ref = str(each.message.pk)
            try:
                outcomes[ref] = self.store_answer(ref, each, answer)
            except Exception as error:
                # The other listings of the call are done: the call must not be repeated because of one.
                log.exception("the answer of %s about %s could not be stored", connection, each.listing)
                outcomes[ref] = Outcome(ref, error)
        return [outcomes[str(message.pk)] for message in messages]

    def unneeded(self, ref: str, listing: Listing) -> Outcome | None:
        raise NotImplementedError

    def work(self, message: OutboxMessage, listing: Listing) -> _Work:
        raise NotImplementedError

    def ask(
        self, adapter: ChannelAdapter, jobs: Sequence[ListingJob]
    ) -> Sequence[ListingResult | ChannelError]:
        raise NotImplementedError

    def store_answer(self, ref: str, work: _Work, answer: ListingResult | ChannelError) -> Outcome:
        raise NotImplementedError


class CreateHandler(_InBatches):
    """Topic `listing.create`. After a call without an answer, the adapter first looks for the listing on the store."""

    def unneeded(self, ref: str, listing: Listing) -> Outcome | None:
        if listing.external_id:
            return Outcome(ref, external_id=listing.external_id, note=_("The store already has it."))
        return (
            Outcome(ref, note=_("The listing was deleted in Manifold. Nothing was sent."))
            if listing.state == Listing.State.REMOVED
            else None
        )

    def work(self, message: OutboxMessage, listing: Listing) -> _Work:
        draft, rows = draft_of(listing)
        return _Work(message, listing, rows, ListingJob(draft, message.step, message.is_uncertain))

    def ask(
        self, adapter: ChannelAdapter, jobs: Sequence[ListingJob]
    ) -> Sequence[ListingResult | ChannelError]:
        return adapter.make_listings(jobs)

    def store_answer(self, ref: str, work: _Work, answer: ListingResult | ChannelError) -> Outcome:
        listing = work.listing
        if isinstance(answer, Rejected):
            store_refusal(listing, answer)
        if isinstance(answer, ChannelError):
            return Outcome(ref, answer)
        if answer.is_pending:
            Listing.objects.filter(pk=listing.pk, state=Listing.State.DRAFT).update(
                state=Listing.State.PENDING
            )
            return Outcome(
                ref, note=_("The store is creating the listing."), wait=answer.wait, step=answer.step
            )
        units: dict[int, tuple[object, object, object]] = {
            int(each.ref): (each.quantity, each.price, each.selling_price) for each in work.job.draft.variants
        }
        _mark_created(listing, work.rows, answer, {} if answer.was_there else units)
        note = _("The store already had it.") if answer.was_there else ""
        return Outcome(ref, external_id=answer.external_id, note=note)

    def words(self, listing: Listing) -> tuple[str, str, str]:
        details = [listing.own_title or listing.product.title]
        if listing.category_external_ids:
            details.append(_("category %s") % ", ".join(listing.category_external_ids))
        details += [f"{name}: {value}" for name, value in listing.own_attributes.items()]
        return "", "; ".join(details), _("new listing")


@transaction.atomic
def _mark_created(
    listing: Listing,
    rows: Sequence[ListingVariant],
    result: ListingResult,
    sent: dict[int, tuple[object, object, object]],
) -> None:
    """Store the ids of a created listing and the figures that were sent with it; send its stock again.

    The stock may have changed during the call. A listing that was deleted in Manifold during the call is deleted on the store.
    """
    now = timezone.now()
    row = Listing.objects.select_for_update(of=("self",)).get(pk=listing.pk)
    is_deleted = row.state == Listing.State.REMOVED
    row.external_id, row.url, row.changed_fields = result.external_id, result.url[:500], []
    on_sale = Listing.State.ACTIVE if result.is_active else Listing.State.INACTIVE
    row.state = Listing.State.PENDING if result.is_pending else on_sale
    row.refusal = row.refusal_field = ""
    row.save(update_fields=["external_id", "url", "changed_fields", "state", "refusal", "refusal_field"])
    only_id = result.external_id if len(rows) == 1 else ""
    ids = {each.pk: result.variant_external_ids.get(str(each.pk), only_id) for each in rows}
    set_to(
        ListingVariant, ("external_id", "answer"), {pk: (external_id, "") for pk, external_id in ids.items()}
    )
    search_text.refresh_listings([row.pk])
    set_to(
        ListingVariant,
        ("sent_quantity", "sent_price", "sent_selling_price", "sent_at", "price_sent_at"),
        {pk: (*values, now, now) for pk, values in sent.items()},
    )
    if is_deleted:
        outbox.touch(Topic.LISTING_DELETE, [(row.connection_id, row.pk)])
    else:
        outbox.touch(Topic.STOCK, [(row.connection_id, pk) for pk, external_id in ids.items() if external_id])


class UpdateHandler(_InBatches):
    """Topic `listing.update`: send the fields that were edited in Manifold, and no others.

    While the store processes a change, the step of the message begins with the version that was sent: fields that are
    edited meanwhile are sent after it.
    """

    def unneeded(self, ref: str, listing: Listing) -> Outcome | None:
        if not listing.external_id or listing.state == Listing.State.REMOVED:
            return Outcome(ref, note=_("No longer on the store."))
        return None if listing.changed_fields else Outcome(ref, note=_("The store already has all changes."))

    def work(self, message: OutboxMessage, listing: Listing) -> _Work:
        draft, rows = draft_of(listing, changed=list(listing.changed_fields))
        step = message.step.partition("|")[2]
        return _Work(message, listing, rows, ListingJob(draft, step, message.is_uncertain))

    def ask(
        self, adapter: ChannelAdapter, jobs: Sequence[ListingJob]
    ) -> Sequence[ListingResult | ChannelError]:
        return adapter.change_listings(jobs)

    def store_answer(self, ref: str, work: _Work, answer: ListingResult | ChannelError) -> Outcome:
        message, listing = work.message, work.listing
        version = message.step.partition("|")[0] or str(message.wanted)
        if isinstance(answer, Rejected):
            store_refusal(listing, answer)
        if isinstance(answer, ChannelError):
            return Outcome(ref, answer)
        if answer.is_pending:
            step = f"{version}|{answer.step}"
            return Outcome(ref, note=_("The store is processing the change."), wait=answer.wait, step=step)
        if version != str(message.wanted):
            return Outcome(ref, note=_("It was edited meanwhile. The new version is sent."), wait=1.0)
        fields = work.job.draft.changed
        with transaction.atomic():
            row = Listing.objects.select_for_update(of=("self",)).get(pk=listing.pk)
            if "variants" in fields:
                _store_skus(row, work, answer)
            if self._is_as_sent(row, listing):
                row.changed_fields = [name for name in row.changed_fields if name not in fields]
                row.refusal = row.refusal_field = ""
                _note_shown(row, work.job.draft)
        return Outcome(ref)

    @staticmethod
    def _is_as_sent(row: Listing, listing: Listing) -> bool:
        """Return whether the product was not edited while it was being sent; if it was, the next message sends it."""
        return row.product.updated_at == listing.product.updated_at

    def words(self, listing: Listing) -> tuple[str, str, str]:
        return listing.remote_title, ", ".join(listing.changed_fields), _("edited in Manifold")


def _store_skus(listing: Listing, work: _Work, answer: ListingResult) -> None:
    """Store the ids of SKUs that were added to a listing and send their stock; delete those that the store deleted."""
    drafts = {int(each.ref): each for each in work.job.draft.variants}
    gone = [pk for pk, draft in drafts.items() if draft.is_removed]
    if gone:
        ListingVariant.objects.filter(pk__in=gone, listing=listing, is_removed=True).delete()
    new = {
        row.pk: answer.variant_external_ids[str(row.pk)]
        for row in work.rows
        if not row.external_id and answer.variant_external_ids.get(str(row.pk)) and row.pk not in gone
    }
    if new:
        set_to(
            ListingVariant,
            ("external_id", "answer"),
            {pk: (external_id, "") for pk, external_id in new.items()},
        )
        outbox.touch(Topic.STOCK, [(listing.connection_id, pk) for pk in new])
    if gone or new:
        search_text.refresh_listings([listing.pk])


def _note_shown(row: Listing, draft: ListingDraft) -> None:
    """Save a listing with the title and the description that the store accepted: it shows these now."""
    if "description" in draft.changed:
        row.remote_text = text_hash(draft.description)
    is_renamed = "title" in draft.changed and row.remote_title != draft.title[:300]
    if is_renamed:
        row.remote_title = draft.title[:300]
    row.save(update_fields=["changed_fields", "remote_title", "remote_text", "refusal", "refusal_field"])
    if is_renamed:
        search_text.refresh_listings([row.pk])


class DeleteHandler(_ListingHandler):
    """Topic `listing.delete`: delete a listing from its store; the product stays in Manifold."""

    def send_one(self, listing: Listing, message: OutboxMessage, adapter: ChannelAdapter) -> Outcome:
        if listing.external_id and listing.state != Listing.State.REMOVED:
            adapter.delete_listing(listing.external_id)
            Listing.objects.filter(pk=listing.pk).update(state=Listing.State.REMOVED)
        return Outcome(str(message.pk))

    def words(self, listing: Listing) -> tuple[str, str, str]:
        return listing.external_id, "", _("delete from the store")
