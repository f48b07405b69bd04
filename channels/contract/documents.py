"""Read JSON that a channel sent, within limits, with clean texts.

A small text can be a large document: 30 MB of JSON need 870 MB of memory. What has more values than that is no answer of a
shop that works. What is nested too deeply is left out, and the rest is read: one odd record must not stop a page.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from channels.contract.cleaning import load_json

MOST_VALUES = 400_000
"""Values of a document, about 170 bytes of memory each. A page of 250 products has 10,000 to 50,000."""


class TooComplex(ValueError):
    """The document has more values than any answer of a shop needs."""


def read_document(body: bytes | str, *, parse_float: Callable[[str], Any] | None = None) -> Any:
    """Return the JSON document in `body`; raises `ValueError` when it is none, and its kind `TooComplex` above the limit.

    Separators are counted before the document is read. Those inside of texts count too, for which the limit leaves room.
    Levels below the 50th become null.
    """
    text = body if isinstance(body, bytes) else body.encode("utf-8", "replace")
    if text.count(b",") + text.count(b"[") + text.count(b"{") > MOST_VALUES:
        raise TooComplex(f"more than {MOST_VALUES} values")
    return load_json(text, parse_float=parse_float)
