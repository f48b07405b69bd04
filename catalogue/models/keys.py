"""The keys under which names are compared."""

from __future__ import annotations

import unicodedata


def sku_key(sku: str) -> str:
    """The form in which two spellings of one SKU are the same: NFKC, casefolded, outer space stripped."""
    return unicodedata.normalize("NFKC", sku).casefold().strip()
