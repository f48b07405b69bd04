"""The form in which SKUs and names are compared."""

from __future__ import annotations

import unicodedata

from channels.contract.cleaning import fit

LONGEST = 255  # characters of the columns `sku_key`


def sku_key(sku: str) -> str:
    """Return the form in which two spellings of one SKU are equal: NFKC, casefolded, without outer space.

    This form may be much longer than the SKU; a longer one than its column ends with its digest.
    """
    return fit(unicodedata.normalize("NFKC", sku).casefold().strip(), LONGEST)
