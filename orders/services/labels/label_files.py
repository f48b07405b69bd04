"""The files of bought labels: stored when they are bought, fetched again where that failed."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from django.utils.translation import gettext as _

from channels.contract.carriers.records import Bought, LabelFormat
from orders.choices import LabelState
from orders.documents import files, loading, working_papers
from orders.errors import OrderError
from orders.models import LabelPurchase
from orders.services.labels import choosing


def file_of(purchase: LabelPurchase) -> tuple[bytes, str]:
    """Return the file of a label and its format: "pdf", "png" or "zpl".

    The label of own delivery is printed by Manifold. Raises `OrderError` for one that is not bought, `ChannelError` where the file
    must be fetched and the carrier does not answer.
    """
    if purchase.state not in (LabelState.BOUGHT, LabelState.CANCELLING):
        raise OrderError(_("This label is not bought, or is cancelled. It cannot be printed."))
    if purchase.account.spec.own_numbers:
        return _own(purchase), LabelFormat.PDF
    if purchase.content_hash:
        return files.read(purchase.content_hash, suffix=purchase.label_format), purchase.label_format
    bought = Bought(purchase.external_id, purchase.tracking_number, parcel_id=purchase.parcel_id)
    adapter = choosing.adapter_for(purchase.account)
    found = adapter.label(bought, LabelFormat(purchase.label_format))
    content_hash = files.store(found.content, suffix=str(found.format))
    LabelPurchase.objects.filter(pk=purchase.pk).update(
        content_hash=content_hash, label_format=str(found.format)
    )
    return found.content, str(found.format)


def _own(purchase: LabelPurchase) -> bytes:
    shipments = loading.shipments_by_id([purchase.shipment_id])
    with TemporaryDirectory() as folder:
        refused = working_papers.Refusals({})
        parts = working_papers.labels(shipments, {}, Path(folder), 0, refused)
        if not parts:
            raise OrderError(" ".join(refused.sentences()) or _("Nothing was printed."))
        return parts[0].read_bytes()
