"""The last look: ask the channels, before parcels are handed over, for orders that were cancelled or changed (R-PLUS-09).

What a channel answers is imported like any other news. A cancelled or changed order then has its problem, and the table
of moves keeps it off the manifest. This module says what each channel answered, and what could not be asked.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from channels.models import Connection
from channels.pull.ask_orders import ask_orders
from inventory.models import Warehouse
from oms.kit.authors.actors import Author
from oms.kit.models import Problem
from orders import problem_codes
from orders.choices import CANCELLED_STATUSES, LastLook, OrderStatus
from orders.models import Carrier, ChannelCheck, Manifest, Order, OrderSettings

#: Seconds for all stores together, and for one.
TOTAL_SECONDS = 12.0
STORE_SECONDS = 5.0
#: A person decides on what the channels answered within this time; after it they are asked again.
VALID = timedelta(minutes=10)
#: Looks after which no manifest was created are deleted after this time.
KEPT = timedelta(days=2)

_CANCELLED = frozenset({problem_codes.LATE_CANCEL, problem_codes.REFUNDED_ON_CHANNEL})
_CHANGED = frozenset(
    {
        problem_codes.LATE_CHANGE,
        problem_codes.ADDRESS_CHANGED,
        problem_codes.DELETED_ON_CHANNEL,
        problem_codes.PARTLY_REFUNDED,
    }
)

_clock = time.monotonic


@dataclass(slots=True)
class Answer:
    """What one store answered. The lists have ids of orders; `error` says why those of `unasked` have no answer.

    `mode` is the store's setting at the time; with “off” nothing was asked, on purpose, for the orders of `free`.
    """

    store: int
    name: str
    mode: str
    same: list[int] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    unasked: list[int] = field(default_factory=list)
    free: list[int] = field(default_factory=list)
    error: str = ""

    @property
    def is_blocking(self) -> bool:
        """Whether orders without an answer may not be handed over."""
        return self.mode == LastLook.BLOCK

    @property
    def needs_person(self) -> bool:
        """Whether a person must read this before the parcels leave."""
        return bool(self.cancelled or self.changed or self.unasked)


def look(order_ids: Collection[int]) -> list[Answer]:
    """Ask the channels of these orders, and import what they answer; return one answer for each store.

    Stores without an API, and those whose setting is “Do not ask”, are not asked. It takes at most `TOTAL_SECONDS` for
    all stores. Not in a transaction: other people work on while a channel is slow.
    """
    orders = Order.objects.filter(pk__in=list(order_ids)).order_by("connection", "pk")
    by_store: dict[int, dict[str, int]] = defaultdict(dict)
    for pk, store_id, external_id in orders.values_list("pk", "connection", "external_id"):
        by_store[store_id][external_id] = pk
    stores: dict[int, Connection] = Connection.objects.in_bulk(by_store)
    modes = dict(OrderSettings.objects.filter(pk__in=by_store).values_list("pk", "last_look"))
    until = _clock() + TOTAL_SECONDS
    answers = []
    for pk, store in sorted(stores.items()):
        mode = modes.get(pk, LastLook.WARN)
        if mode == LastLook.OFF or not store.spec.has_wire:
            answers.append(Answer(pk, store.name, LastLook.OFF, free=sorted(by_store[pk].values())))
            continue
        answer = Answer(pk, store.name, mode)
        left = min(STORE_SECONDS, until - _clock())
        if left <= 0:
            answer.unasked = sorted(by_store[pk].values())
            answer.error = _("The time for the last look was over before %s was asked.") % store.name
        else:
            asked = ask_orders(store, list(by_store[pk]), seconds=left)
            answer.error = asked.error
            _sort(answer, by_store[pk], asked.answered)
        answers.append(answer)
    return answers


def _sort(answer: Answer, ids: Mapping[str, int], answered: Collection[str]) -> None:
    """Sort the orders of a store by what its channel answered. Two statements."""
    known = {ids[each] for each in answered if each in ids}
    rows = Order.objects.filter(pk__in=known).values_list("pk", "status", "cancelled_at")
    codes: dict[int, set[str]] = defaultdict(set)
    open_problems = Problem.objects.filter(
        subject_kind=problem_codes.SUBJECT, subject_id__in=known, resolved_at=None
    )
    for pk, code in open_problems.values_list("subject_id", "code"):
        codes[pk].add(code)
    for pk, status, cancelled_at in sorted(rows):
        if cancelled_at or status in CANCELLED_STATUSES or codes[pk] & _CANCELLED:
            answer.cancelled.append(pk)
        elif codes[pk] & _CHANGED or status not in (OrderStatus.READY_TO_SHIP, OrderStatus.PACKED):
            answer.changed.append(pk)
        else:
            answer.same.append(pk)
    answer.unasked = sorted(set(ids.values()) - known)


def reasons(answers: Iterable[Answer], *, is_confirmed: bool = True) -> dict[int, str]:
    """Return why orders may not be handed over after these answers, by order id.

    Orders without an answer are left out where their store blocks, and, before a person has confirmed it
    (`is_confirmed`), everywhere. Cancelled and changed orders are left out in any case.
    """
    found: dict[int, str] = {}
    for answer in answers:
        words = {"store": answer.name, "error": answer.error}
        for pk in answer.cancelled:
            found[pk] = _("Cancelled or refunded on %(store)s. Do not ship it.") % words
        for pk in answer.changed:
            found[pk] = _("Changed on %(store)s. Open the order and resolve its problem.") % words
        if answer.is_blocking or not is_confirmed:
            for pk in answer.unasked:
                found[pk] = (
                    _("No answer of %(store)s: %(error)s Its settings block a hand-over without an answer.")
                    if answer.is_blocking
                    else _("No answer of %(store)s: %(error)s")
                ) % words
    return found


# ---------------------------------------------------------------- what a person decides on


def record(carrier: Carrier, warehouse: Warehouse, answers: Iterable[Answer], *, by: Author) -> ChannelCheck:
    """Store the answers, so that the manifest has them; looks that led to no manifest are deleted after two days."""
    ChannelCheck.objects.filter(manifest=None, created_at__lt=timezone.now() - KEPT).delete()
    return ChannelCheck.objects.create(
        carrier=carrier,
        warehouse=warehouse,
        author_id=by.user_id,
        answers=[asdict(answer) for answer in answers],
    )


def recorded(pk: int | None, carrier: Carrier, warehouse: Warehouse) -> ChannelCheck | None:
    """Return a look of this carrier and warehouse on which a manifest may still be created; None after ten minutes."""
    return ChannelCheck.objects.filter(
        pk=pk or 0,
        manifest=None,
        carrier=carrier,
        warehouse=warehouse,
        created_at__gt=timezone.now() - VALID,
    ).first()


def answers_of(check: ChannelCheck | None) -> list[Answer]:
    """Return the stored answers."""
    return [Answer(**row) for row in check.answers] if check else []


def covers(check: ChannelCheck | None, order_ids: Collection[int]) -> bool:
    """Whether the look was for all these orders."""
    known: set[int] = set()
    for row in answers_of(check):
        known.update(row.same, row.cancelled, row.changed, row.unasked, row.free)
    return known.issuperset(order_ids)


def use(check: ChannelCheck, manifest: Manifest) -> None:
    """Connect a look with the manifest that was created after it."""
    ChannelCheck.objects.filter(pk=check.pk, manifest=None).update(manifest=manifest)


def of_manifest(manifest: Manifest) -> list[dict[str, Any]]:
    """Return what each channel answered before this manifest, with the numbers of the orders; two statements."""
    check = ChannelCheck.objects.filter(manifest=manifest).first()
    return described(answers_of(check))


def described(answers: Iterable[Answer]) -> list[dict[str, Any]]:
    """Return the answers for a page: for each store the orders (id, number) of each kind. One statement."""
    answers = list(answers)
    wanted = [pk for row in answers for pk in (*row.cancelled, *row.changed, *row.unasked)]
    numbers = dict(Order.objects.filter(pk__in=wanted).values_list("pk", "number")) if wanted else {}

    def named(ids: Iterable[int]) -> list[tuple[int, str]]:
        return [(pk, numbers[pk]) for pk in ids if pk in numbers]

    return [
        {
            "name": row.name,
            "same": len(row.same),
            "cancelled": named(row.cancelled),
            "changed": named(row.changed),
            "unasked": named(row.unasked),
            "error": row.error,
            "blocks": row.is_blocking,
        }
        for row in answers
        if row.mode != LastLook.OFF
    ]
