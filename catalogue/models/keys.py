"""The forms in which SKUs, names and descriptions are compared."""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata

from django.utils.html import strip_tags

from channels.contract.cleaning import fit

_BLANKS = re.compile(r"\s+")
LONGEST = 255  # characters of the columns `sku_key`


def sku_key(sku: str) -> str:
    """Return the form in which two spellings of one SKU are equal: NFKC, casefolded, without outer space.

    This form may be much longer than the SKU; a longer one than its column ends with its digest.
    """
    return fit(unicodedata.normalize("NFKC", sku).casefold().strip(), LONGEST)


def text_hash(description: str) -> str:
    """Return a hash of what a reader sees of a description: two HTML forms of one text have the same; "" for no text.

    Stores write the same text in other tags and spaces, so descriptions are compared by this.
    """
    if not description:
        return ""
    text = _BLANKS.sub("", html.unescape(strip_tags(description))).casefold()
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest() if text else ""
