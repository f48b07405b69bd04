"""Listings that are made, changed and deleted on their stores: the truth, read at the moment of sending."""

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
from catalogue.push.listing_drafts import draft_of
from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import ChannelError, Rejected
from channels.contract.records.updates import ListingJob, ListingResult, Outcome
from channels.models import Connection, OutboxMessage
from channels.push import outbox
from channels.push.outbox import PlanLine
from channels.push.topics import Topic
from oms.kit.bulk import set_to

log = logging.getLogger(__name__)


class _ListingHandler:
    """One listing at a time; a message's subject is a listing."""

    def send(
        self, connection: Connection, messages: Sequence[OutboxMessage], adapter: ChannelAdapter
    ) -> Sequence[Outcome]:
        return [self._one(message, adapter) for message in messages]

    def _one(self, message: OutboxMessage, adapter: ChannelAdapter) -> Outcome:
        ref = str(message.pk)
        listing = _listing(message)
        if listing is None:
            return Outcome(ref, note=_("No longer wanted."))
        try:
            return self.tell(listing, message, adapter)
        except CatalogueError as error:
            return Outcome(ref, Rejected(str(error)))
        except ChannelError as error:
            return Outcome(ref, error)

    def tell(self, listing: Listing, message: OutboxMessage, adapter: ChannelAdapter) -> Outcome:
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
    """A message that needs the store: its listing, the rows of its SKUs, and what the adapter is given."""

    message: OutboxMessage
    listing: Listing
    rows: Sequence[ListingVariant]
    job: ListingJob


class _InBatches(_ListingHandler):
    """As many listings in one call as the channel takes."""

    def send(
        self, connection: Connection, messages: Sequence[OutboxMessage], adapter: ChannelAdapter
    ) -> Sequence[Outcome]:
        outcomes: dict[str, Outcome] = {}
        work: list[_Work] = []
        for message in messages:
            ref, listing = str(message.pk), _listing(message)
            if listing is None:
                outcomes[ref] = Outcome(ref, note=_("No longer wanted."))
            elif (moot := self.moot(ref, listing)) is not None:
                outcomes[ref] = moot
            else:
                try:
                    work.append(self.work(message, listing))
                except CatalogueError as error:
                    outcomes[ref] = Outcome(ref, Rejected(str(error)))
        answers = self.ask(adapter, [each.job for each in work]) if work else ()
        for each, answer in zip(work, answers, strict=True):
            ref = str(each.message.pk)
            try:
                outcomes[ref] = self.kept(ref, each, answer)
            except (
                Exception
            ) as error:  # the others of the call are done, too: it must not be repeated for one
                log.exception("what %s said of %s could not be kept", connection, each.listing)
                outcomes[ref] = Outcome(ref, error)
        return [outcomes[str(message.pk)] for message in messages]

    def moot(self, ref: str, listing: Listing) -> Outcome | None:
        raise NotImplementedError

    def work(self, message: OutboxMessage, listing: Listing) -> _Work:
        raise NotImplementedError

    def ask(
        self, adapter: ChannelAdapter, jobs: Sequence[ListingJob]
    ) -> Sequence[ListingResult | ChannelError]:
        raise NotImplementedError

    def kept(self, ref: str, work: _Work, answer: ListingResult | ChannelError) -> Outcome:
        raise NotImplementedError


class CreateHandler(_InBatches):
    """Topic `listing.create`: after an answer that never came, it is looked first whether it is there."""

    def moot(self, ref: str, listing: Listing) -> Outcome | None:
        if listing.external_id:
            return Outcome(ref, external_id=listing.external_id, note=_("It is there already."))
        return Outcome(ref, note=_("No longer wanted.")) if listing.state == Listing.State.REMOVED else None

    def work(self, message: OutboxMessage, listing: Listing) -> _Work:
        draft, rows = draft_of(listing)
        return _Work(message, listing, rows, ListingJob(draft, message.step, message.is_uncertain))

    def ask(
        self, adapter: ChannelAdapter, jobs: Sequence[ListingJob]
    ) -> Sequence[ListingResult | ChannelError]:
        return adapter.make_listings(jobs)

    def kept(self, ref: str, work: _Work, answer: ListingResult | ChannelError) -> Outcome:
        listing = work.listing
        if isinstance(answer, Rejected):
            _not_made(listing, str(answer))
        if isinstance(answer, ChannelError):
            return Outcome(ref, answer)
        if answer.is_pending:
            Listing.objects.filter(pk=listing.pk, state=Listing.State.DRAFT).update(
                state=Listing.State.PENDING
            )
            return Outcome(ref, note=_("The store is making it."), wait=answer.wait, step=answer.step)
        units: dict[int, tuple[object, object, object]] = {
            int(each.ref): (each.quantity, each.price, each.selling_price) for each in work.job.draft.variants
        }
        _made(listing, work.rows, answer, {} if answer.was_there else units)
        note = _("It was there already.") if answer.was_there else ""
        return Outcome(ref, external_id=answer.external_id, note=note)

    def words(self, listing: Listing) -> tuple[str, str, str]:
        return "", _("new product"), _("put on the store")


def _not_made(listing: Listing, why: str) -> None:
    """The store refused it, at once or after a while: it may be sent again, and its SKUs say why."""
    Listing.objects.filter(pk=listing.pk, state=Listing.State.PENDING).update(state=Listing.State.DRAFT)
    ListingVariant.objects.filter(listing=listing).update(answer=why[:300])


@transaction.atomic
def _made(
    listing: Listing,
    rows: Sequence[ListingVariant],
    result: ListingResult,
    sent: dict[int, tuple[object, object, object]],
) -> None:
    """The store has it now: ids, what it was told, and a look whether its stock has changed meanwhile.

    A listing that was deleted here while it was being made is deleted there.
    """
    now = timezone.now()
    row = Listing.objects.select_for_update(of=("self",)).get(pk=listing.pk)
    is_unwanted = row.state == Listing.State.REMOVED
    row.external_id, row.url, row.changed_fields = result.external_id, result.url[:500], []
    on_sale = Listing.State.ACTIVE if result.is_active else Listing.State.INACTIVE
    row.state = Listing.State.PENDING if result.is_pending else on_sale
    row.save(update_fields=["external_id", "url", "changed_fields", "state"])
    alone = result.external_id if len(rows) == 1 else ""
    ids = {each.pk: result.variant_external_ids.get(str(each.pk), alone) for each in rows}
    set_to(
        ListingVariant, ("external_id", "answer"), {pk: (external_id, "") for pk, external_id in ids.items()}
    )
    search_text.refresh_listings([row.pk])
    set_to(
        ListingVariant,
        ("sent_quantity", "sent_price", "sent_selling_price", "sent_at", "price_sent_at"),
        {pk: (*values, now, now) for pk, values in sent.items()},
    )
    if is_unwanted:
        outbox.touch(Topic.LISTING_DELETE, [(row.connection_id, row.pk)])
    else:
        outbox.touch(Topic.STOCK, [(row.connection_id, pk) for pk, external_id in ids.items() if external_id])


class UpdateHandler(_InBatches):
    """Topic `listing.update`: the fields that were edited here, and no others.

    The step of a change that the store is still taking in begins with the version of the message that it was: what
    is edited meanwhile is sent after it.
    """

    def moot(self, ref: str, listing: Listing) -> Outcome | None:
        if not listing.external_id or listing.state == Listing.State.REMOVED:
            return Outcome(ref, note=_("No longer on the store."))
        return None if listing.changed_fields else Outcome(ref, note=_("Already shown."))

    def work(self, message: OutboxMessage, listing: Listing) -> _Work:
        draft, rows = draft_of(listing, changed=list(listing.changed_fields))
        step = message.step.partition("|")[2]
        return _Work(message, listing, rows, ListingJob(draft, step, message.is_uncertain))

    def ask(
        self, adapter: ChannelAdapter, jobs: Sequence[ListingJob]
    ) -> Sequence[ListingResult | ChannelError]:
        return adapter.change_listings(jobs)

    def kept(self, ref: str, work: _Work, answer: ListingResult | ChannelError) -> Outcome:
        message, listing = work.message, work.listing
        version = message.step.partition("|")[0] or str(message.wanted)
        if isinstance(answer, ChannelError):
            return Outcome(ref, answer)
        if answer.is_pending:
            step = f"{version}|{answer.step}"
            return Outcome(ref, note=_("The store is taking it in."), wait=answer.wait, step=step)
        if version != str(message.wanted):
            return Outcome(ref, note=_("It was edited meanwhile and is sent again."), wait=1.0)
        fields = work.job.draft.changed
        with transaction.atomic():
            row = Listing.objects.select_for_update(of=("self",)).get(pk=listing.pk)
            if self._is_as_sent(row, listing):
                row.changed_fields = [name for name in row.changed_fields if name not in fields]
                row.save(update_fields=["changed_fields"])
        return Outcome(ref)

    @staticmethod
    def _is_as_sent(row: Listing, listing: Listing) -> bool:
        """Whether the product was not edited again while it was being sent; the next message sends it then."""
        return row.product.updated_at == listing.product.updated_at

    def words(self, listing: Listing) -> tuple[str, str, str]:
        return listing.remote_title, ", ".join(listing.changed_fields), _("edited here")


class DeleteHandler(_ListingHandler):
    """Topic `listing.delete`: off the store; the product stays."""

    def tell(self, listing: Listing, message: OutboxMessage, adapter: ChannelAdapter) -> Outcome:
        if listing.external_id and listing.state != Listing.State.REMOVED:
            adapter.delete_listing(listing.external_id)
            Listing.objects.filter(pk=listing.pk).update(state=Listing.State.REMOVED)
        return Outcome(str(message.pk))

    def words(self, listing: Listing) -> tuple[str, str, str]:
        return listing.external_id, "", _("taken off the store")
