"""Sign in and find out whose account the keys belong to (R-CONN-07)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from channels.connectors.onbuy.client import SITE, OnBuyClient
from channels.connectors.onbuy.payloads import CURRENCY, text
from channels.contract.errors import Rejected
from channels.contract.records.account import AccountRecord
from channels.contract.translation import gettext as _
from oms.kit.numbers import is_whole_number


def verify(client: OnBuyClient, credentials: Mapping[str, Any]) -> AccountRecord:
    """Sign in, read one listing, and return the account. Raise `Rejected` for a wrong seller number."""
    listings = client.rows("/listings", site_id=SITE, limit=1)
    try:
        entities = list(client.rows("/sellers/entities").rows)
    except Rejected:
        entities = []
    seller_id = str(credentials.get("seller_id") or "").strip()
    seller = _seller(client, seller_id) if seller_id else {}
    names = [text(row.get("trading_name")) for row in entities]
    marks = sorted(
        f"{text(row.get('entity_id'))} {name.casefold()}".strip()
        for row, name in zip(entities, names, strict=True)
    )
    key = str(credentials.get("consumer_key", ""))
    if any(marks):
        identity = f"entity:{'+'.join(marks)}"
    elif seller_id:
        identity = f"seller:{seller_id}"
    else:
        identity = f"key:{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}"
    return AccountRecord(
        identity=f"{SITE}:{identity}"[:200],
        name=next((name for name in names if name), "") or text(seller.get("name")) or "OnBuy",
        url="https://www.onbuy.com/gb/",
        currency=CURRENCY,
        time_zone="Europe/London",
        country="GB",
        language="en",
        version="v2",
        currencies=(CURRENCY,),
        product_count=listings.total,
    )


def _seller(client: OnBuyClient, seller_id: str) -> Mapping[str, Any]:
    if not is_whole_number(seller_id):
        raise Rejected(_("The seller number has digits only."), field="seller_id")
    try:
        found = client.get(f"/sellers/{seller_id}").get("results")
    except Rejected as error:
        raise Rejected(
            _("OnBuy has no seller with this number. Check it in the seller panel."), field="seller_id"
        ) from error
    return found if isinstance(found, dict) else {}
