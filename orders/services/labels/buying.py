# long because: every way in which a purchase or a cancellation ends is one case of the same state.
"""Buy a label once, and cancel it, whatever fails on the way.

A purchase is written before the carrier is called, with a message in the outbox: a process that is killed leaves both, and
the next one continues. Its reference never changes. From the first call on, the carrier is asked for that reference
before it is asked to sell: a lost answer, a killed worker or two people at one button buy one label.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.carriers.records import Bought, CancelAnswer, LabelRequest
from channels.contract.carriers.spec import CarrierCapability
from channels.contract.carriers.tracking_numbers import in_range
from channels.contract.errors import (
    AuthError,
    ChannelError,
    NotSupported,
    RateLimited,
    Rejected,
    TemporaryError,
)
from channels.models import Connection
from channels.push import outbox
from channels.push.topics import Topic
from oms.kit.authors.actors import Author, person
from oms.kit.models.leases import new_token
from orders import problem_codes
from orders.choices import LabelState, ShipmentState
from orders.documents import files
from orders.domain.carriers import carrier_key, carriers_by_name
from orders.errors import OrderError
from orders.models import Carrier, CarrierAccount, LabelPurchase, Order, Parcel, Shipment
from orders.services import tracking
from orders.services.labels import choosing, content
from orders.unit_of_work.unit_of_work import UnitOfWork

LEASE = timedelta(seconds=90)
#: The first question for tracking, after a label was bought.
FIRST_POLL = timedelta(hours=2)
LEFT = (ShipmentState.HANDED_OVER, ShipmentState.DELIVERED)
S = LabelState


class Busy(Exception):
    """Another process is calling the carrier about this label."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A purchase, and whether this call wrote it; `token` is its lease, "" where another process has it."""

    purchase: LabelPurchase
    is_new: bool
    token: str = ""


def want(
    *,
    shipment_id: int,
    account: CarrierAccount,
    service: str,
    by: Author,
    is_return: bool = False,
    offer: Any = None,
) -> Wanted:
    """Write that a label is wanted; a shipment that has one, or may have one, gets no second. Raises `OrderError`.

    `offer` is the `Service` with the price that the person saw. The caller calls the carrier with `carry_out`; if it does
    not, the outbox does.
    """
    shipment = content.loaded(shipment_id)
    content.request_for(shipment, account, service=service, reference="", is_return=is_return)
    with transaction.atomic():
        Order.objects.select_for_update(of=("self",)).get(pk=shipment.order_id)
        shipment = Shipment.objects.get(pk=shipment_id)
        live = LabelPurchase.objects.live().filter(shipment=shipment, is_return=is_return).first()
        if live is not None:
            return Wanted(live, False)
        if shipment.state == ShipmentState.CANCELLED or (shipment.state in LEFT and not is_return):
            raise OrderError(_("The shipment has left or was cancelled. No label is bought for it."))
        if account.connection.state != Connection.State.ACTIVE:
            raise OrderError(
                _("%(account)s is not active: %(reason)s")
                % {
                    "account": account,
                    "reason": account.connection.state_reason or account.connection.get_state_display(),
                }
            )
        token = new_token()
        purchase = LabelPurchase.objects.create(
            shipment=shipment,
            account=account,
            is_return=is_return,
            service=service[:120],
            service_name=(offer.name if offer else "")[:200],
            cost=offer.cost if offer else None,
            currency=(offer.currency if offer else "")[:3],
            label_format=account.label_format,
            tracking_number=_own_number(account) if account.spec.own_numbers else "",
            author_id=by.user_id,
            lease_token=token,
            lease_until=timezone.now() + LEASE,
        )
        outbox.touch(Topic.CARRIER_LABEL, [(account.pk, shipment.pk)])
    return Wanted(purchase, True, token)


def _own_number(account: CarrierAccount) -> str:
    """Take the next number of the range of an account for own delivery; its row stays locked until the commit."""
    row = CarrierAccount.objects.select_for_update(of=("self",)).get(pk=account.pk)
    if row.last_number >= row.end_number:
        raise OrderError(_("The number range of %s is used up. Enter a new end of the range.") % account)
    row.last_number += 1
    row.save(update_fields=["last_number"])
    width = len(str(row.end_number))
    return in_range(row.prefix, row.last_number, width)


def buy(
    *,
    shipment_id: int,
    by: Author,
    account: CarrierAccount | None = None,
    service: str = "",
    is_return: bool = False,
    offer: Any = None,
) -> LabelPurchase:
    """Buy the label of a shipment now; the account and the service are those of the rules where none is given.

    Return the purchase in the state that it has reached. One that is being bought by somebody else is returned as it is.
    Raises `OrderError` when nothing can be asked; a refusal of the carrier is a state.
    """
    if account is None or not service:
        choice = choosing.choice_for(content.loaded(shipment_id))
        account, service = choice.account, choice.service
    wanted = want(
        shipment_id=shipment_id, account=account, service=service, by=by, is_return=is_return, offer=offer
    )
    token = wanted.token
    if not wanted.is_new and wanted.purchase.state in (S.WANTED, S.ASKED, S.UNKNOWN):
        token = lease(wanted.purchase.pk)
    if token:
        with suppress(ChannelError):  # its words are in the purchase; the outbox tries again
            carry_out(wanted.purchase.pk, token)
    wanted.purchase.refresh_from_db()
    return wanted.purchase


def lease(purchase_id: int) -> str:
    """Lease a purchase; return the token, "" while another living process has it."""
    rows = LabelPurchase.objects.filter(pk=purchase_id)
    rows.end_orphaned()
    return rows.lease(LEASE)


def carry_out(purchase_id: int, token: str) -> LabelPurchase:
    """Do what a leased purchase needs: buy it, or cancel it. Raises the `ChannelError` after which it is tried again."""
    row = LabelPurchase.objects.select_related("account__connection", "shipment").get(pk=purchase_id)
    try:
        if row.cancel_wanted_at is None and row.state in (S.WANTED, S.ASKED, S.UNKNOWN):
            _buy(row, token)
            row.refresh_from_db()
        if row.cancel_wanted_at is not None and row.is_live:
            _cancel(row, token)
    finally:
        LabelPurchase.objects.filter(pk=row.pk).release_lease(token)
    return row


# ---------------------------------------------------------------- buying


def _set(row: LabelPurchase, token: str, **fields: Any) -> bool:
    """Store fields while the lease is ours; return False, and store nothing, when it was lost."""
    return bool(LabelPurchase.objects.filter(pk=row.pk, lease_token=token).update(**fields))


def _buy(row: LabelPurchase, token: str) -> None:
    was_asked = row.state != S.WANTED
    try:
        request = content.request_of(row)
    except content.NotReady as error:
        if not was_asked:
            _refuse(row, token, str(error))
            return
        raise TemporaryError(str(error)) from error
    adapter = choosing.adapter_for(row.account)
    service = None
    if row.cost is None and not was_asked:
        service = choosing.cost_of(adapter, request)
    if not _set(
        row, token, state=S.ASKED, asked_at=timezone.now(), grams=request.grams, error="", error_field=""
    ):
        return
    try:
        bought = adapter.find(request) if was_asked else None
        bought = bought or adapter.buy(request)
    except (RateLimited, AuthError) as error:
        # The request was not carried out. What an earlier one did is still not known.
        _set(row, token, state=S.UNKNOWN if was_asked else S.WANTED, error=error.message[:500])
        raise
    except NotSupported as error:
        if not was_asked:
            _refuse(row, token, error.message)
            return
        _unknown(row, token, error.message)
    except Rejected as error:
        _refuse(row, token, error.message, error.field)
    except TemporaryError as error:
        _set(row, token, state=S.UNKNOWN, error=error.message[:500])
        raise
    else:
        _store(row, token, bought, request, service)


def _store(
    row: LabelPurchase, token: str, bought: Bought, request: LabelRequest, service: Any = None
) -> None:
    """Store a bought label: its file first, then everything else in one transaction."""
    content_hash = ""
    if bought.label is not None and bought.label.content:
        content_hash = files.store(bought.label.content, suffix=str(bought.label.format))
    cost = bought.cost if bought.cost is not None else row.cost
    currency = bought.currency or row.currency
    if cost is None and service is not None:
        cost, currency = service.cost, service.currency
    now = timezone.now()
    with transaction.atomic():
        unit = UnitOfWork.load([row.shipment.order_id])
        if not _set(
            row,
            token,
            state=S.BOUGHT,
            external_id=bought.external_id[:120],
            parcel_id=bought.parcel_id[:120],
            tracking_number=bought.tracking_number[:120],
            tracking_url=bought.tracking_url[:500],
            carrier_name=bought.carrier[:120],
            service_name=(row.service_name or (service.name if service else ""))[:200],
            cost=cost,
            currency=currency[:3],
            content_hash=content_hash,
            bought_at=now,
            error="",
            error_field="",
        ):
            return
        order_state = unit.order_states[0]
        if not row.is_return:
            shipment = next(each for each in order_state.shipments if each.pk == row.shipment_id)
            if shipment.state == ShipmentState.CANCELLED:
                LabelPurchase.objects.filter(pk=row.pk).update(cancel_wanted_at=now)
                outbox.touch(Topic.CARRIER_LABEL, [(row.account_id, row.shipment_id)])
            else:
                carrier = _carrier_of(row.account, bought, shipment)
                tracking.use_number(unit, order_state, shipment, carrier, bought.tracking_number[:120])
                if not row.account.spec.own_numbers:
                    shipment.service = row.service
            _start_tracking(row, now)
        price = f" ({cost} {currency})" if cost is not None else ""
        text = _("Return label bought") if row.is_return else _("Label bought")
        order_state.add_event(
            "label", f"{text}: {bought.carrier or row.account} {bought.tracking_number}{price}"
        )
        order_state.close_problem(problem_codes.LABEL_REFUSED, _("A label was bought."))
        unit.flush(_author(row))


def _carrier_of(account: CarrierAccount, bought: Bought, shipment: Shipment) -> Carrier | None:
    if account.carrier is not None:
        return account.carrier
    if bought.carrier:
        return carriers_by_name([bought.carrier])[carrier_key(bought.carrier)]
    return shipment.carrier


def _start_tracking(row: LabelPurchase, now: Any) -> None:
    can_poll = row.account.spec.can(CarrierCapability.TRACK)
    Parcel.objects.update_or_create(
        shipment_id=row.shipment_id,
        defaults={"account": row.account, "poll_at": now + FIRST_POLL if can_poll else None, "heard_at": now},
    )


def _refuse(row: LabelPurchase, token: str, words: str, field: str = "") -> None:
    """Store a refusal in the carrier's own words, and open a problem of the order."""
    with transaction.atomic():
        unit = UnitOfWork.load([row.shipment.order_id])
        if not _set(
            row, token, state=S.REFUSED, error=words[:500], error_field=field[:120], ended_at=timezone.now()
        ):
            return
        order_state = unit.order_states[0]
        order_state.open_problem(problem_codes.LABEL_REFUSED, words, key="label")
        order_state.add_event("label", _("Label refused: %s") % words)
        unit.flush(_author(row))


def _unknown(row: LabelPurchase, token: str, words: str) -> None:
    """Store that nobody can tell whether a label was bought: a person looks at the carrier and decides."""
    with transaction.atomic():
        unit = UnitOfWork.load([row.shipment.order_id])
        if not _set(row, token, state=S.UNKNOWN, error=words[:500]):
            return
        unit.order_states[0].open_problem(
            problem_codes.LABEL_UNKNOWN,
            _("It is not known whether %s sold the label. Look there, then say so on the order page.")
            % row.account,
            key="label",
        )
        unit.flush(_author(row))


def say_not_bought(*, purchase: LabelPurchase, by: Author) -> None:
    """Record that a person looked at the carrier and found no label. Raises `OrderError` for one that is not unknown."""
    with transaction.atomic():
        unit = UnitOfWork.load([purchase.shipment.order_id])
        row = LabelPurchase.objects.select_for_update(of=("self",)).get(pk=purchase.pk)
        if row.state != S.UNKNOWN or row.account.spec.can(CarrierCapability.FIND):
            raise OrderError(_("This label is not one that a person must look up."))
        row.state, row.ended_at = S.REFUSED, timezone.now()
        row.save(update_fields=["state", "ended_at"])
        unit.order_states[0].close_problem(problem_codes.LABEL_UNKNOWN, _("It was not bought."))
        unit.order_states[0].add_event("label", _("Not bought, as %s found at the carrier") % by.label)
        unit.flush(by)


# ---------------------------------------------------------------- cancelling


def want_cancel(*, purchase: LabelPurchase, by: Author) -> LabelPurchase:
    """Ask the carrier to cancel a label; return the purchase in the state that it has reached. Raises `OrderError`."""
    with transaction.atomic():
        Order.objects.select_for_update(of=("self",)).get(pk=purchase.shipment.order_id)
        row = LabelPurchase.objects.select_for_update(of=("self",)).get(pk=purchase.pk)
        if not row.is_live:
            raise OrderError(_("This label is cancelled already, or was never bought."))
        if row.shipment.state in LEFT and not row.is_return:
            raise OrderError(_("The parcel is with the carrier: its label cannot be cancelled any more."))
        if not row.account.spec.can(CarrierCapability.CANCEL):
            raise OrderError(row.account.spec.why_cannot(CarrierCapability.CANCEL))
        LabelPurchase.objects.filter(pk=row.pk, cancel_wanted_at=None).update(
            cancel_wanted_at=timezone.now(), error=""
        )
        outbox.touch(Topic.CARRIER_LABEL, [(row.account_id, row.shipment_id)])
    if token := lease(row.pk):
        with suppress(ChannelError):  # its words are in the purchase; the outbox tries again
            carry_out(row.pk, token)
    row.refresh_from_db()
    return row


def _cancel(row: LabelPurchase, token: str) -> None:
    """Cancel a label. One whose purchase had no answer is looked up first; one that nobody asked for ends at once."""
    if row.state == S.WANTED:
        _end(row, token)
        return
    adapter = choosing.adapter_for(row.account)
    if row.state in (S.ASKED, S.UNKNOWN):
        try:
            found = adapter.find(content.request_for(
                _any_shipment(row), row.account, service=row.service, reference=str(row.reference),
                number=row.tracking_number, is_return=row.is_return,
            ))  # fmt: skip
        except NotSupported as error:
            _unknown(row, token, error.message)
            return
        if found is None:
            _end(row, token)
            return
        _set(row, token, state=S.BOUGHT, external_id=found.external_id[:120], bought_at=timezone.now())
        row.external_id = found.external_id[:120]
    try:
        answer = adapter.cancel(row.external_id)
    except (Rejected, NotSupported) as error:
        _keep(row, token, error.message)
        return
    except TemporaryError as error:
        _set(row, token, state=S.CANCELLING, error=error.message[:500])
        raise
    if answer == CancelAnswer.QUEUED:
        _set(row, token, state=S.CANCELLING, error="")
    else:
        _end(row, token)


def _any_shipment(row: LabelPurchase) -> Shipment:
    """Return the shipment of a label with what a request needs, also a cancelled one."""
    return (
        Shipment.objects.select_related("order__connection", "carrier", "warehouse")
        .prefetch_related("lines__line__variant")
        .get(pk=row.shipment_id)
    )


def _end(row: LabelPurchase, token: str) -> None:
    """Store that a label is cancelled, and remove its number from the shipment."""
    with transaction.atomic():
        unit = UnitOfWork.load([row.shipment.order_id])
        if not _set(row, token, state=S.CANCELLED, ended_at=timezone.now(), error=""):
            return
        order_state = unit.order_states[0]
        shipment = next(each for each in order_state.shipments if each.pk == row.shipment_id)
        if not row.is_return:
            if shipment.state not in LEFT and shipment.tracking_number == row.tracking_number:
                shipment.tracking_number = ""
            Parcel.objects.filter(shipment=row.shipment_id).delete()
        order_state.close_problem(problem_codes.LABEL_NOT_CANCELLED, _("The label was cancelled."))
        order_state.add_event("label", _("Label cancelled: %s") % (row.tracking_number or row.account))
        unit.flush(_author(row))


def _keep(row: LabelPurchase, token: str, words: str) -> None:
    """Store that the carrier refused a cancellation: the label stays and is charged."""
    with transaction.atomic():
        unit = UnitOfWork.load([row.shipment.order_id])
        if not _set(row, token, state=S.BOUGHT, cancel_wanted_at=None, error=words[:500]):
            return
        unit.order_states[0].open_problem(
            problem_codes.LABEL_NOT_CANCELLED,
            _("The label %(number)s was not cancelled and is charged. %(words)s")
            % {"number": row.tracking_number, "words": words},
            key=str(row.pk),
        )
        unit.order_states[0].add_event("label", _("Label not cancelled: %s") % words)
        unit.flush(_author(row))


def _author(row: LabelPurchase) -> Author:
    return person(row.author) if row.author_id else Author()
