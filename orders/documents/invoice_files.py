"""Invoices of many orders: issued where they are missing, printed from their stored files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from oms.kit.authors.actors import Author, person
from orders.choices import DocumentKind
from orders.documents import files, issuing, loading
from orders.errors import OrderError
from orders.models import Document

if TYPE_CHECKING:
    from oms.kit.models import Job
    from orders.documents.working_papers import Refusals


def invoice_slice(order_ids: Sequence[int], job: Job, refused: Refusals) -> list[Path]:
    """Issue the invoices of these orders where they have none; return their stored files in the order of the ids."""
    by = person(job.author) if job.author else Author()
    orders = loading.orders_with_lines(order_ids)
    settings = loading.settings_of({order.connection_id for order in orders.values()})
    known = {
        document.order_id: document
        for document in Document.objects.filter(
            order__in=order_ids, kind=DocumentKind.INVOICE, is_credited=False
        )
    }
    documents = []
    for pk in order_ids:
        order = orders.get(pk)
        if order is None:
            refused.add(pk, f"#{pk}", _("This order no longer exists."))
        elif (document := known.get(pk)) is not None:
            documents.append(document)
        else:
            try:
                documents.append(issuing.issue_invoice(order, by=by, settings=settings[order.connection_id]))
            except OrderError as error:
                refused.add(pk, f"#{order.number}", error)
    issuing.make_files(documents)
    note_prints(documents)
    for document in documents:
        files.read(document.content_hash)  # checks that it is the file that was issued
    return [files.path_of(document.content_hash) for document in documents]


def note_prints(documents: Sequence[Document]) -> None:
    """Count one print of each of these issued documents."""
    Document.objects.filter(pk__in=[one.pk for one in documents]).update(
        prints=F("prints") + 1, printed_at=timezone.now()
    )


def printed_file(document: Document, *, count: bool = True) -> bytes:
    """Return the stored file of an issued document and count its print; it is made now if that failed before.

    Raises `OrderError` when it is missing or damaged, or cannot be made.
    """
    issuing.make_files([document])
    content = files.read(document.content_hash)
    if count:
        note_prints([document])
    return content
