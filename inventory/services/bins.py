"""The bin of a SKU in a warehouse: where it is found when an order is picked."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from inventory.errors import StockError
from inventory.models import StockItem
from oms.kit.authors import audit

MOST = 60


@transaction.atomic
def set_bin(stock_item_id: int, bin_code: str) -> str:
    """Set the bin of a stock item; return it as it was stored: without spaces around it, "" for none.

    The units do not change. Raises `StockError` for more than 60 characters, or a stock item that no longer exists.
    """
    text = " ".join(bin_code.replace("\x00", "").split())
    if len(text) > MOST:
        raise StockError(_("A bin has at most %d characters.") % MOST)
    item = StockItem.objects.select_for_update(of=("self",)).filter(pk=stock_item_id).first()
    if item is None:
        raise StockError(_("This stock item no longer exists."))
    if item.bin_code != text:
        audit.record("stock.bin", item, {"bin_code": (item.bin_code, text)})
        item.bin_code = text
        item.save(update_fields=["bin_code"])
    return text
