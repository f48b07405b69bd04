"""What OnBuy says of each item inside HTTP 200 (`onbuy.md` §4): success of the call is not success of the items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from channels.errors import Rejected, TemporaryError

NOT_THERE = "sku does not exist"


def answers_of(document: Any) -> dict[str, str]:
    """Per SKU what `PUT /listings/by-sku` said: '' = done. A SKU that is missing was not answered."""
    return {str(row.get("sku")): words_of_item(row) for row in rows_of(document)}


def words_of_item(row: Mapping[str, Any]) -> str:
    """Why this item was refused; '' = it was done."""
    failed = row.get("success") is False
    return str(row.get("error") or (row.get("message") or "refused" if failed else ""))


def rows_of(document: Any) -> Sequence[Mapping[str, Any]]:
    results = document.get("results") if isinstance(document, dict) else None
    return [row for row in results if isinstance(row, dict)] if isinstance(results, list) else []


def error_of(sku: str, words: str | None) -> Exception | None:
    """The outcome of one SKU: None is done; one that was not answered is asked again."""
    if words == "":
        return None
    if words is None:
        return TemporaryError("OnBuy gave no answer for this SKU.")
    if NOT_THERE in words.casefold():
        return Rejected(f"OnBuy has no listing with the SKU {sku}.", code="no_such_sku", detail=words)
    if "suspended" in words.casefold():
        return Rejected(f"OnBuy has suspended {sku} and takes no changes: {words}", code="suspended")
    return Rejected(f"OnBuy refused {sku}: {words}")
