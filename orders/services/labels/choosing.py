"""Which account and service a shipment gets, and what each service costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from channels.contract.carriers.adapter import CarrierAdapter
from channels.contract.carriers.records import LabelRequest, Service
from channels.contract.carriers.spec import CarrierCapability
from channels.contract.errors import ChannelError
from channels.models import Connection
from channels.pull.runner import adapter_of
from orders.domain.carriers import rule_for_shipment
from orders.models import CarrierAccount, Shipment
from orders.services.labels import content


@dataclass(frozen=True, slots=True)
class Choice:
    """The account and the service with which a shipment is sent."""

    account: CarrierAccount
    service: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A service of one account for a shipment. `is_default`: the one that the rules choose."""

    account: CarrierAccount
    service: Service
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class Prices:
    """All offers for a shipment, the cheapest first, and why an account has none."""

    offers: list[Offer]
    faults: list[str]


def accounts() -> list[CarrierAccount]:
    """Return the accounts with which labels can be bought now."""
    rows = CarrierAccount.objects.select_related("connection", "carrier")
    rows = rows.filter(connection__state=Connection.State.ACTIVE).order_by("connection__name")
    return [row for row in rows if row.spec.can(CarrierCapability.BUY)]


def adapter_for(account: CarrierAccount) -> CarrierAdapter:
    """Return the adapter of an account."""
    adapter = adapter_of(account.connection)
    assert isinstance(adapter, CarrierAdapter)
    return adapter


def choice_for(shipment: Shipment, known: Iterable[CarrierAccount] | None = None) -> Choice:
    """Return account and service of a shipment (loaded by `content.loaded`). Raises `NotReady` with what to do.

    A carrier and a service that the shipment already has are respected. Without them the first rule of the store that
    fits decides, then the account of the carrier with its default service.
    """
    usable = list(known if known is not None else accounts())
    if not usable:
        raise content.NotReady(_("No carrier account is connected. Connect one at Carriers » Accounts."))
    carrier_id = shipment.carrier_id or shipment.order.carrier_id
    service = shipment.service or shipment.order.service
    rule = rule_for_shipment(shipment, content.grams_of(shipment, None))
    if rule is not None and carrier_id in (None, rule.carrier_id):
        carrier_id, service = rule.carrier_id, service or rule.service
    fitting = [row for row in usable if row.carrier_id and row.carrier_id == carrier_id]
    fitting = (
        fitting or [row for row in usable if row.carrier_id is None] or (usable if carrier_id is None else [])
    )
    if not fitting:
        raise content.NotReady(
            _("No carrier account is for %s. Choose another carrier, or set the account's carrier.")
            % shipment.carrier
        )
    account = fitting[0]
    service = service or account.default_service or ("standard" if account.spec.own_numbers else "")
    if not service:
        raise content.NotReady(
            _("No service is chosen. Compare prices, or set a default service for %s.") % account
        )
    return Choice(account, service)


def prices_of(shipment: Shipment, *, is_return: bool = False) -> Prices:
    """Ask all accounts what they would take for a shipment; one that does not answer is named in `faults`."""
    known = accounts()
    try:
        chosen = choice_for(shipment, known)
    except content.NotReady:
        chosen = None
    offers: list[Offer] = []
    faults: list[str] = []
    for account in known:
        try:
            request = content.request_for(shipment, account, service="", reference="", is_return=is_return)
            found = _services(account, request)
        except (ChannelError, content.NotReady) as error:
            faults.append(f"{account}: {error}")
            continue
        offers += [
            Offer(account, one, chosen is not None and chosen == Choice(account, one.code)) for one in found
        ]
        if not found:
            faults.append(_("%s: no service carries this parcel.") % account)
    offers.sort(key=lambda each: (each.service.cost is None, each.service.cost or 0, each.service.name))
    return Prices(offers, faults)


def _services(account: CarrierAccount, request: LabelRequest) -> list[Service]:
    adapter = adapter_for(account)
    found = adapter.rates(request) if account.spec.can(CarrierCapability.RATES) else adapter.services()
    if account.is_test:
        found = [one for one in found if one.code == account.spec.free_service]
    return list(found)


def cost_of(adapter: CarrierAdapter, request: LabelRequest) -> Service | None:
    """Return the service of a request with its price; None where the carrier does not tell it now."""
    if not adapter.spec.can(CarrierCapability.RATES):
        return None
    try:
        return next((one for one in adapter.rates(request) if one.code == request.service), None)
    except ChannelError:
        return None  # a price that is not known stops no label
