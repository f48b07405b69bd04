"""Remove the personal data of an order: its buyer, addresses, notes, personalisation, and its document."""

from __future__ import annotations

import json
import zlib

from django.utils import timezone

from channels.contract.personal import REMOVED, PersonalFields, without_people
from channels.contract.registry import spec_for
from oms.kit.authors.actors import SYSTEM, Author
from oms.kit.models import Problem
from orders import problem_codes
from orders.choices import Actor
from orders.inbound import contact_changes, lines
from orders.models import NativeOrder, Order, OrderEvent, Return

#: Kinds of events, and codes of problems, whose text names old and new values of a person's data.
EVENTS = (contact_changes.KIND, lines.TEXT_KIND)
PROBLEMS = (problem_codes.ADDRESS_CHANGED, problem_codes.LATE_CHANGE)


def redact(order: Order, why: str, by: Author = SYSTEM) -> None:
    """Remove the personal data of an order and of its document; `why` is the text in its timeline.

    The caller has a transaction, and refreshes the order's search text.
    """
    order.customer_name = REMOVED
    order.customer_email = order.customer_phone = order.buyer_note = order.gift_message = ""
    order.ship_to = {"country": order.country}
    order.bill_to = {}
    order.save(
        update_fields=[
            "customer_name", "customer_email", "customer_phone", "buyer_note", "gift_message", "ship_to", "bill_to",
        ]
    )  # fmt: skip
    order.lines.exclude(personalisation="").update(personalisation="")
    OrderEvent.objects.filter(order=order, kind__in=EVENTS).update(text=why)
    Return.objects.filter(order=order).exclude(note="").update(note="")
    about = Problem.objects.filter(subject_kind=problem_codes.SUBJECT, subject_id=order.pk, code__in=PROBLEMS)
    about.update(message=why, data={})
    native = NativeOrder.objects.filter(order=order).first()
    if native:
        document = json.loads(zlib.decompress(bytes(native.document)))
        native.document = zlib.compress(json.dumps(without_people(document, personal_of(order))).encode())
        native.redacted_at = timezone.now()
        native.save(update_fields=["document", "redacted_at"])
    OrderEvent.objects.create(
        order=order,
        kind="redacted",
        text=why,
        actor=Actor.PERSON if by.kind == "person" else Actor.SYSTEM,
        author_id=by.user_id,
    )


def personal_of(order: Order) -> PersonalFields | None:
    """Return the list of personal fields of the order's channel; None for a channel that is not configured."""
    try:
        return spec_for(order.connection.channel).personal
    except LookupError:
        return None
