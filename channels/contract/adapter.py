"""The methods that the adapter of every connector implements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from channels.contract.context import AdapterContext, MemoryContext
from channels.contract.errors import ChannelError, NotSupported, Rejected
from channels.contract.records.account import AccountRecord, WebhookRecord
from channels.contract.records.listings import PlannedRequest
from channels.contract.records.orders import (
    CarrierRecord,
    OrderRecord,
    StatusRecord,
)
from channels.contract.records.pages import Page, PullQuery
from channels.contract.records.products import AttributeRecord, BrandRecord, CategoryRecord, ProductRecord
from channels.contract.records.updates import (
    ListingDraft,
    ListingJob,
    ListingResult,
    Notice,
    Outcome,
    PriceUpdate,
    ShipmentUpdate,
    StockUpdate,
)
from channels.contract.spec import Capability, ChannelSpec
from channels.contract.translation import gettext as _

if TYPE_CHECKING:
    from channels.http.session import ChannelSession
    from channels.models import Connection


class ChannelAdapter:
    """The base of a channel's adapter. A subclass overrides exactly the methods whose capabilities its spec declares.

    Every method raises one of the five errors of `channels.contract.errors`. Batch methods return one `Outcome` for each
    item, in the order given, and raise only when the whole call failed.
    """

    spec: ChannelSpec

    def __init__(
        self,
        connection: Connection,
        session: ChannelSession | None = None,
        *,
        context: AdapterContext | None = None,
    ) -> None:
        self.connection = connection
        self.session = session
        self._context = context

    @cached_property
    def context(self) -> AdapterContext:
        """The engine's services for this store: memory, locks, notes on the store.

        A store that is not saved yet has a context of its own. Raises `RuntimeError` for a saved store whose adapter was
        not made by `channels.pull.runner.adapter_of`: without its locks two workers could write the same thing.
        """
        if self._context is not None:
            return self._context
        if self.connection.pk:
            raise RuntimeError("The adapter of a saved store is made by channels.pull.runner.adapter_of.")
        return MemoryContext()

    def _cannot(self, capability: Capability) -> NotSupported:
        return NotSupported(self.spec.reason(capability) or _("%s cannot do this.") % self.spec.label)

    # ------------------------------------------------ connecting
    def verify(self) -> AccountRecord:
        """Return whose account this is, by a real call (R-CONN-06)."""
        raise self._cannot(Capability.CONNECT_KEYS)

    def register_webhooks(self, url: str, secret: str) -> None:
        """Ask the channel to call `url` for its events; safe to repeat."""
        raise self._cannot(Capability.WEBHOOKS)

    def read_webhook(self, headers: Mapping[str, str], body: bytes, secret: str) -> Sequence[WebhookRecord]:
        """Verify a call from the channel in constant time; raises `Rejected` when it is not genuine."""
        raise self._cannot(Capability.WEBHOOKS)

    def renewed(self) -> Mapping[str, Any]:
        """Return credentials that were replaced during the calls, such as a refresh token that can be used only once."""
        return {}

    # ------------------------------------------------ importing
    def pull_statuses(self) -> Sequence[StatusRecord]:
        """Return the statuses of the store; channels with a fixed list need not override this."""
        return ()

    def pull_categories(self, query: PullQuery, page: str | None = None) -> Page[CategoryRecord]:
        raise self._cannot(Capability.PULL_CATEGORIES)

    def pull_brands(self, query: PullQuery, page: str | None = None) -> Page[BrandRecord]:
        raise self._cannot(Capability.PULL_BRANDS)

    def find_brands(self, text: str) -> Page[BrandRecord]:
        """Return the first brands whose name contains this text; a `next_page` means that more exist."""
        raise self._cannot(Capability.PULL_BRANDS)

    def pull_attributes(self, query: PullQuery, page: str | None = None) -> Page[AttributeRecord]:
        raise self._cannot(Capability.PULL_ATTRIBUTES)

    def pull_carriers(self) -> Sequence[CarrierRecord]:
        """Return the carriers that the channel lists; those named on orders are imported with the orders."""
        return ()

    def pull_choices(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        """Return (id, name) for the choices of each setting of kind "remote", by the setting's name."""
        return {}

    def pull_products(self, query: PullQuery, page: str | None = None) -> Page[ProductRecord]:
        raise self._cannot(Capability.PULL_PRODUCTS)

    def read_order(self, native: Any) -> OrderRecord:
        """Map a stored document of an order again, as `pull_orders` does. Raises `Unreadable` for one that is no order."""
        raise self._cannot(Capability.PULL_ORDERS)

    def pull_orders(self, query: PullQuery, page: str | None = None) -> Page[OrderRecord]:
        raise self._cannot(Capability.PULL_ORDERS)

    # ------------------------------------------------ sending
    def push_stock(self, updates: Sequence[StockUpdate]) -> Sequence[Outcome]:
        raise self._cannot(Capability.PUSH_STOCK)

    def push_prices(self, updates: Sequence[PriceUpdate]) -> Sequence[Outcome]:
        raise self._cannot(Capability.PUSH_PRICE)

    def check_listing(self, draft: ListingDraft) -> Sequence[Rejected]:
        """Return what the channel would refuse of a new listing, one refusal for each field. Makes no request."""
        return ()

    def plan_listing(self, draft: ListingDraft) -> Sequence[PlannedRequest]:
        """Return the requests with which this listing would be created, with their bodies. Nothing is written.

        Lists of the channel may be read, such as the attributes of a category. Raises `Rejected` for a draft that the channel
        would refuse.
        """
        raise self._cannot(Capability.CREATE_LISTING_SINGLE)

    def create_listing(self, draft: ListingDraft) -> ListingResult:
        raise self._cannot(Capability.CREATE_LISTING_SINGLE)

    def find_listing(self, draft: ListingDraft) -> ListingResult | None:
        """Return the listing that an earlier, unanswered `create_listing` made (found by SKU); None = none."""
        return None

    def listing_progress(self, draft: ListingDraft, step: str) -> ListingResult:
        """Continue a listing that was accepted as pending, from its `step`; raises `Rejected` when it failed."""
        raise self._cannot(Capability.CREATE_LISTING_SINGLE)

    def make_listings(self, jobs: Sequence[ListingJob]) -> Sequence[ListingResult | ChannelError]:
        """Create these listings, or continue them; return one result or error for each job, in their order.

        A listing whose first call had no answer is searched first. A channel with a call for many listings overrides this.
        """
        return [self._make(job) for job in jobs]

    def _make(self, job: ListingJob) -> ListingResult | ChannelError:
        try:
            if job.step:
                return self.listing_progress(job.draft, job.step)
            if job.is_uncertain and (found := self.find_listing(job.draft)) is not None:
                return replace(found, was_there=True)
            return self.create_listing(job.draft)
        except ChannelError as error:
            return error

    def change_listings(self, jobs: Sequence[ListingJob]) -> Sequence[ListingResult | ChannelError]:
        """Send these listings' changed fields, or continue; return the same as `make_listings`."""
        return [self._change(job) for job in jobs]

    def _change(self, job: ListingJob) -> ListingResult | ChannelError:
        try:
            return self.listing_progress(job.draft, job.step) if job.step else self.update_listing(job.draft)
        except ChannelError as error:
            return error

    def update_listing(self, draft: ListingDraft) -> ListingResult:
        raise self._cannot(Capability.UPDATE_LISTING)

    def set_listing_active(self, external_id: str, *, active: bool) -> None:
        raise self._cannot(Capability.SET_LISTING_ACTIVE)

    def delete_listing(self, external_id: str) -> None:
        """Delete a listing on the channel; one that does not exist any more counts as deleted."""
        raise self._cannot(Capability.DELETE_LISTING)

    def push_fulfilment(self, update: ShipmentUpdate) -> Outcome:
        """Send one fulfilment event; the event's capability decides whether it may be called."""
        raise NotSupported(_("Manifold cannot send this to %s.") % self.spec.label)

    def send_notice(self, notice: Notice) -> None:
        """Send a warehouse system one signed call; it returns when the call was accepted."""
        raise self._cannot(Capability.WMS_HANDOVER)

    def look_up(self, update: ShipmentUpdate) -> Outcome | None:
        """Return the outcome of an earlier `push_fulfilment` with this `ref` that had no answer; None = not carried out."""
        return None
