"""Issue invoices, credit notes and manifests: the number, the contents and the file are stored and never change.

The number is taken from the row of its series, locked in the transaction that stores the document: if that is rolled
back, the number is not used up. Nothing else is locked while it is held. The file is made afterwards from the stored
contents, so a fault of typesetting leaves no gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from oms.kit.authors.actors import Author
from orders.choices import Actor, DocumentKind, OrderStatus
from orders.documents import files, loading
from orders.documents.contents.bills import Bill, bill_of
from orders.documents.contents.invoices import invoice, numbered
from orders.documents.contents.manifests import manifest_sheet
from orders.documents.contents.parts import frame_for, staff_frame
from orders.documents.credits import credited
from orders.documents.typesetting.render import Request, set_bytes
from orders.documents.wording.formats import local, money
from orders.errors import OrderError
from orders.models import Document, DocumentSettings, Manifest, NumberSeries, Order, OrderEvent, Shipment

#: Statuses of orders that get no invoice.
NOT_SOLD = (
    OrderStatus.DRAFT,
    OrderStatus.CANCELLED,
    OrderStatus.CANCELLED_BY_SELLER,
    OrderStatus.CANCEL_IN_PROCESS,
    OrderStatus.SELLER_CANCEL_IN_PROCESS,
)


def take_number(prefix: str, year: int) -> str:
    """Take the next number of a series ("INV2026-000001"). Call it in the transaction that stores the document."""
    NumberSeries.objects.get_or_create(prefix=prefix, year=year)
    series = NumberSeries.objects.select_for_update().get(prefix=prefix, year=year)
    series.last += 1
    series.save(update_fields=["last"])
    return f"{prefix}{year}-{series.last:06d}"


def live_invoice(order_id: int) -> Document | None:
    """Return the invoice of an order that is not credited in full; None when there is none."""
    return Document.objects.filter(order=order_id, kind=DocumentKind.INVOICE, is_credited=False).first()


def issue_invoice(order: Order, *, by: Author, settings: DocumentSettings | None = None) -> Document:
    """Issue the invoice of an order and return it; the one that it has is returned again (pressed twice, issued once).

    `order` comes from `loading.orders_with_lines`. Raises `OrderError` for an order that was not sold, without a total,
    or whose store has no seller.
    """
    if (found := live_invoice(order.pk)) is not None:
        return found
    settings = settings or loading.settings_of([order.connection_id])[order.connection_id]
    if order.status in NOT_SOLD:
        raise OrderError(_("An order that is “%s” gets no invoice.") % order.get_status_display())
    if order.total <= 0:
        raise OrderError(_("The order has no amount to invoice."))
    if not settings.seller_name or not settings.seller_address:
        raise OrderError(
            _("Enter name and address of the seller first: %s, Documents.") % order.connection.name
        )
    now = timezone.now()
    bill = bill_of(order, [line for line in order.lines.all() if not line.parent_id], settings)
    country = str(order.bill_to.get("country") or order.country or "")
    frame = frame_for(settings, country, now)
    data = invoice(frame, order, bill) | {"rates": _rates(bill)}
    made = Document(
        kind=DocumentKind.INVOICE,
        connection_id=order.connection_id,
        order=order,
        language=frame.language,
        issued_at=now,
        author_id=by.user_id,
        currency=order.currency,
        total=bill.total,
    )
    with transaction.atomic():
        number = take_number(settings.invoice_prefix, local(now).year)
        if (found := live_invoice(order.pk)) is not None:  # issued by somebody else meanwhile
            transaction.set_rollback(True)
            return found
        _store(made, order, data, number, by, _("Invoice %s issued") % number)
    return made


def _rates(bill: Bill) -> list[list[str | None]]:
    """Return the sums by rate as text, for credit notes; one without a rate where no VAT is shown."""
    if not bill.rates:
        return [[None, str(bill.total), "0"]]
    return [[str(one.rate), str(one.net), str(one.tax)] for one in bill.rates]


def _store(made: Document, order: Order, data: dict[str, Any], number: str, by: Author, text: str) -> None:
    made.number, made.data = number, numbered(data, number)
    made.save()
    OrderEvent.objects.create(
        order=order,
        kind="document",
        text=text,
        actor=Actor.PERSON if by.kind == "person" else Actor.SYSTEM,
        author_id=by.user_id,
    )


def rest_of(of: Document) -> Decimal:
    """Return the amount of an invoice that is not credited yet."""
    done = of.credit_notes.aggregate(sum=Sum("total"))["sum"] or Decimal(0)
    return (of.total or Decimal(0)) - done


def issue_credit_note(order: Order, *, amount: Decimal | None, reason: str, by: Author) -> Document:
    """Issue a credit note for the invoice of an order, over `amount` (gross; None: all that is left).

    Raises `OrderError` without an invoice, and for an amount that is not above 0 or is more than what is left.
    """
    settings = loading.settings_of([order.connection_id])[order.connection_id]
    now = timezone.now()
    with transaction.atomic():
        number = take_number(settings.credit_prefix, local(now).year)
        of = (
            Document.objects.select_for_update()
            .filter(order=order, kind=DocumentKind.INVOICE, is_credited=False)
            .first()
        )
        if of is None:
            raise OrderError(_("The order has no invoice that can be credited."))
        rest = rest_of(of)
        wanted = rest if amount is None else amount
        if not 0 < wanted <= rest:
            left = money(rest, of.currency, "en")
            raise OrderError(_("Enter an amount above 0 and up to %s.") % left)
        data = credited(of, order, settings, wanted, reason, now)
        made = Document(
            kind=DocumentKind.CREDIT_NOTE,
            connection_id=order.connection_id,
            order=order,
            corrects=of,
            language=of.language,
            issued_at=now,
            author_id=by.user_id,
            currency=of.currency,
            total=wanted,
        )
        _store(
            made,
            order,
            data,
            number,
            by,
            _("Credit note %(number)s issued for invoice %(invoice)s")
            % {"number": number, "invoice": of.number},
        )
        if wanted == rest:
            of.is_credited = True
            of.save(update_fields=["is_credited"])
    return made


def issue_manifest(manifest: Manifest, *, language: str, by: Author) -> Document:
    """Issue the printed manifest once; the same one is returned afterwards. `language` is that of the first person."""
    found = Document.objects.filter(manifest=manifest).first()
    if found is not None:
        return found
    ids = list(manifest.shipments.order_by("order", "number").values_list("pk", flat=True))
    shipments: list[Shipment] = loading.shipments_by_id(ids)
    store = shipments[0].order.connection_id if shipments else 0
    frame = staff_frame(loading.settings_of([store])[store], language, timezone.now())
    made, _created = Document.objects.get_or_create(
        manifest=manifest,
        defaults={
            "kind": DocumentKind.MANIFEST,
            "number": manifest.number,
            "language": frame.language,
            "issued_at": frame.now,
            "author_id": by.user_id,
            "data": manifest_sheet(frame, manifest, shipments),
        },
    )
    return made


def make_files(documents: Sequence[Document]) -> None:
    """Make and store the files of issued documents that have none yet. Raises `OrderError`; the numbers stay."""
    waiting = [document for document in documents if not document.content_hash]
    requests = [
        Request(
            "manifest" if document.kind == DocumentKind.MANIFEST else "invoice",
            document.data,
            int(document.issued_at.timestamp()),
            archive=document.kind != DocumentKind.MANIFEST,
        )
        for document in waiting
    ]
    for document, content in zip(waiting, set_bytes(requests) if requests else [], strict=True):
        content_hash = files.store(content)
        if not Document.objects.filter(pk=document.pk, content_hash="").update(content_hash=content_hash):
            document.refresh_from_db(
                fields=["content_hash"]
            )  # somebody else's file was stored first: that one counts
        else:
            document.content_hash = content_hash
