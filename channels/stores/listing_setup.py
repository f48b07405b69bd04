"""What a store says about a new listing: the attributes of a category, what it would refuse, the requests that would be sent.

Attributes and planned requests may be read from the channel while a person waits, within the store's API limit.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import ChannelError, Rejected, TemporaryError
from channels.contract.records.listings import PlannedRequest
from channels.contract.records.pages import PullQuery
from channels.contract.records.products import AttributeRecord
from channels.contract.records.updates import ListingDraft, ListingJob
from channels.contract.validation.record_limits import clean_records
from channels.http import call_log, rate_limit
from channels.http.planning import PlanningContext, PlanningSession
from channels.models import Connection
from channels.pull import runner
from channels.pull.context import context_of
from channels.workers import failures

PRIORITY = 40


def category_attributes(store: Connection, category_external_id: str) -> Sequence[AttributeRecord]:
    """Read the attributes of one category. Raise `ChannelError` with the reason when that is impossible now."""
    adapter = _adapter(store)
    with call_log.collecting(), rate_limit.spending(PRIORITY):
        page = adapter.pull_attributes(PullQuery(ids=(category_external_id,)))
    return list(clean_records(page.records))


def refusals(store: Connection, draft: ListingDraft) -> Sequence[Rejected]:
    """Return what the channel would refuse of a new listing, as far as this is known without a request."""
    try:
        return runner.adapter_of(store).check_listing(draft)
    except ChannelError as error:
        return [Rejected(error.message, field="store")]


def planned_requests(store: Connection, draft: ListingDraft) -> Sequence[PlannedRequest]:
    """Return the requests that create this listing. Raise `ChannelError` with the reason when that is impossible now."""
    adapter = _adapter(store)
    with call_log.collecting(), rate_limit.spending(PRIORITY):
        return adapter.plan_listing(draft)


def planned_changes(store: Connection, draft: ListingDraft) -> Sequence[PlannedRequest]:
    """Return the requests that send the changed fields of a listing, made by the code that sends them. Nothing is written.

    The channel is read as when the change is sent. Raise `ChannelError` with the reason when that is impossible now, and
    with what the channel's rules refuse.
    """
    _adapter(store)  # refuses a store that cannot be asked now
    session = PlanningSession(store)
    adapter = store.spec.adapter_class()(store, session, context=PlanningContext(context_of(store)))
    with call_log.collecting(), rate_limit.spending(PRIORITY):
        [answer] = adapter.change_listings([ListingJob(draft)])
    if isinstance(answer, ChannelError):
        raise answer
    return session.planned


def _adapter(store: Connection) -> ChannelAdapter:
    if failures.is_blocked(store):
        raise TemporaryError(_("%s cannot be asked now. Try again later.") % store.name)
    return runner.adapter_of(store)
