"""Read JSON that a channel sent, within limits: its size in values and its depth.

A small text can be a large document: 30 MB of JSON need 870 MB of memory, and 1,000 levels end every recursive function
with `RecursionError`. What is above the limits is no answer of a shop that works.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

MOST_VALUES = 400_000
"""Values of a document, about 170 bytes of memory each. A page of 250 products has 10,000 to 50,000."""
MOST_LEVELS = 50


class TooComplex(ValueError):
    """The document has more values or more levels than any answer of a shop needs."""


def read_document(body: bytes | str, *, parse_float: Callable[[str], Any] | None = None) -> Any:
    """Return the JSON document in `body`; raises `ValueError` when it is none, and its kind `TooComplex` above the limits.

    Separators are counted before the document is read. Those inside of texts count too, for which the limit leaves room.
    """
    text = body if isinstance(body, bytes) else body.encode()
    if text.count(b",") + text.count(b"[") + text.count(b"{") > MOST_VALUES:
        raise TooComplex(f"more than {MOST_VALUES} values")
    try:
        document = json.loads(text.decode("utf-8-sig"), parse_float=parse_float)
    except RecursionError:
        raise TooComplex(f"more than {MOST_LEVELS} levels") from None
    _check_levels(document)
    return document


def _check_levels(document: Any) -> None:
    level = [document] if isinstance(document, (dict, list)) else []
    for _depth in range(MOST_LEVELS):
        if not level:
            return
        level = [
            child
            for each in level
            for child in (each.values() if isinstance(each, dict) else each)
            if isinstance(child, (dict, list))
        ]
    if level:
        raise TooComplex(f"more than {MOST_LEVELS} levels")
