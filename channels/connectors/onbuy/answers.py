"""What OnBuy says of each item inside HTTP 200 (`onbuy.md` §4): success of the call is not success of the items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from channels.connectors.onbuy.client import is_refused, words_of
from channels.contract.errors import Rejected, TemporaryError

NOT_THERE = "sku does not exist"


def answers_of(document: Any, skus: Sequence[str]) -> dict[str, str]:
    """Per SKU what `PUT /listings/by-sku` said: '' = done. A SKU that is missing was not answered.

    The answer to one alone is its own, however OnBuy spells the SKU in it (a number, for one that looks like one).
    """
    rows = rows_of(document)
    if len(skus) == len(rows) == 1:
        return {skus[0]: words_of_item(rows[0])}
    return {str(row.get("sku")): words_of_item(row) for row in rows}


def words_of_item(row: Mapping[str, Any]) -> str:
    """Why this item was refused; '' = it was done."""
    is_wrong = bool(row.get("error") or row.get("errors")) or is_refused(row)
    return words_of(row) or "refused" if is_wrong else ""


def words_of_order(document: Any, order_id: str) -> str | None:
    """What a dispatch or a cancellation said of this order: '' = done, else why not; None = it was not answered."""
    found = document.get("results", document.get("result")) if isinstance(document, dict) else None
    rows: list[Any] = []
    if isinstance(found, dict) and order_id in found:
        rows = [found[order_id]]
    elif isinstance(found, list):
        rows = [
            row for row in found if isinstance(row, dict) and str(row.get("order_id", order_id)) == order_id
        ]
    if not rows or isinstance(rows[0], str):
        return None
    row = rows[0]
    if not isinstance(row, dict):
        return ""
    if is_refused(row):
        return words_of(row) or "it gave no reason"
    return "" if "success" in row else words_of(row)


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
