"""Replay: map the stored document of an order again and compare the result with what is stored (R-PLUS-03).

The channel is not asked for the order. A mapping that was corrected since, another setting of the store or a SKU that is
known now changes what the same document means. The comparison is exact: the document goes through the import, in a
transaction that is rolled back.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import models, transaction
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from channels.contract.errors import ChannelError
from channels.contract.records.orders import OrderRecord
from channels.contract.validation.record_limits import Unreadable
from channels.pull import runner
from oms.kit.authors import audit
from oms.kit.authors.actors import Author
from oms.kit.models import Problem
from oms.kit.problems import code_of
from orders.errors import OrderError
from orders.inbound.orders import store_orders
from orders.models import NativeOrder, Order, OrderLine
from orders.problem_codes import SUBJECT

#: Changes that one entry of the audit log names.
MOST_RECORDED = 20

#: Columns that say nothing about the order itself.
_HIDDEN = {
    "id",
    "remote_hash",
    "read_at",
    "units",
    "problems_open",
    "holds_open",
    "search_text",
    "connection",
}
_LINE = (
    "sku",
    "title",
    "variant",
    "quantity",
    "allocated",
    "shipped",
    "cancelled",
    "unit_price",
    "discount",
    "tax",
    "total",
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that replaying the document would change: what, and its value before and after."""

    what: str
    old: str
    new: str


def differences(order: Order) -> list[Difference]:
    """Return what replaying the stored document of an order would change; nothing is changed.

    Raises `OrderError` with a sentence when there is no document, its personal data was removed, or it cannot be mapped.
    """
    record = _mapped(order)
    with transaction.atomic():
        found = _apply(order, record)
        transaction.set_rollback(True)
    return found


def replay(order: Order, *, by: Author) -> list[Difference]:
    """Replay the stored document of an order; return what changed. Raises like `differences`."""
    record = _mapped(order)
    with transaction.atomic():
        changed = _apply(order, record)
        if changed:
            named = {one.what: (one.old, one.new) for one in changed[:MOST_RECORDED]}
            audit.record("order.replayed", order, named, by=by)
    return changed


def _apply(order: Order, record: OrderRecord) -> list[Difference]:
    """Import the record as if it were new; return what differs afterwards."""
    before = _facts(order)
    # Without a hash the document counts as changed.
    Order.objects.filter(pk=order.pk).update(remote_hash="")
    counts = store_orders(order.connection, [record])
    if counts.refused:
        raise OrderError(counts.refused[0].reason)
    after = _facts(order)
    return [
        Difference(what, before.get(what, ""), after.get(what, ""))
        for what in dict.fromkeys([*before, *after])
        if before.get(what, "") != after.get(what, "")
    ]


def _mapped(order: Order) -> OrderRecord:
    native = NativeOrder.objects.filter(order=order).first()
    if native is None:
        raise OrderError(
            _("There is no stored document of #%s: it was removed by age, or the order was made by hand.")
            % order.number
        )
    if native.redacted_at is not None:
        raise OrderError(
            _("Personal data of #%s was removed, so its document is not complete.") % order.number
        )
    document = json.loads(zlib.decompress(bytes(native.document)))
    try:
        return runner.adapter_of(order.connection).read_order(document)
    except (Unreadable, ChannelError) as error:
        raise OrderError(
            _("The document of #%(number)s cannot be mapped: %(why)s")
            % {"number": order.number, "why": error}
        ) from error


def _facts(order: Order) -> dict[str, str]:
    """Return everything that people see of an order, in words by what it is."""
    row = Order.objects.get(pk=order.pk)
    found = dict(_columns(row))
    lines = OrderLine.objects.filter(order=row).select_related("variant").order_by("position", "pk")
    for line in lines:
        for name in _LINE:
            value = getattr(line, name)
            label = capfirst(str(OrderLine._meta.get_field(name).verbose_name))  # type: ignore[union-attr]
            found[f"{line.sku or line.title} · {label}"] = _text(value)
    problems = Problem.objects.open().filter(subject_kind=SUBJECT, subject_id=row.pk).order_by("code", "key")
    for problem in problems:
        found[_("Problem: %s") % code_of(problem.code).title] = problem.message
    return found


def _columns(row: Order) -> Iterator[tuple[str, str]]:
    for field in Order._meta.concrete_fields:
        if field.name in _HIDDEN:
            continue
        label, value = capfirst(str(field.verbose_name)), getattr(row, field.attname)
        if isinstance(value, dict):
            for key in sorted(value):
                yield f"{label} · {key}", _text(value[key])
        elif isinstance(field, models.CharField) and field.choices:
            yield label, str(dict(field.flatchoices).get(value, value))
        else:
            yield label, _text(value)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    return str(value)
