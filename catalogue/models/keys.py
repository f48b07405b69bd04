"""The form in which SKUs and names are compared."""

from __future__ import annotations

import unicodedata


def sku_key(sku: str) -> str:
    """Return the form in which two spellings of one SKU are equal: NFKC, casefolded, without outer space."""
    return unicodedata.normalize("NFKC", sku).casefold().strip()
