"""Clean what a channel sends: the one place where its texts and documents get a form that every database can store.

A channel may send any code point, any length and any nesting. Nothing of that may stop a page: a lone surrogate becomes
U+FFFD, NUL is removed, a text that is too long is cut, and a key that is too long ends with its digest.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

MOST_TEXT = 200_000  # characters of a text that has no shorter column
DEEPEST = 50  # levels of a document that are stored; what is deeper becomes null

_SURROGATES = re.compile("[\ud800-\udfff]")
#: In the text of a JSON document: NUL and surrogates, escaped or not. A pair of surrogates is found too.
_ODD = re.compile("\\\\u(?:0000|[dD][89a-fA-F])|[\x00\ud800-\udfff]")
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
_LONG_NUMBER = 40


def clean_text(value: str) -> str:
    """Return `value` without NUL, and with U+FFFD for each lone surrogate."""
    if value.isascii():
        return value.replace("\0", "") if "\0" in value else value
    return _SURROGATES.sub("\ufffd", value).replace("\0", "")


def cut(value: str, width: int) -> str:
    """Return a text for display with at most `width` characters; a longer one ends with “…”."""
    return value if len(value) <= width else f"{value[: width - 1]}…"


def fit(value: str, width: int) -> str:
    """Return a key with at most `width` characters (at least 20); a longer one ends with its digest, so it stays unique."""
    if len(value) <= width:
        return value
    digest = hashlib.blake2b(value.encode("utf-8", "replace"), digest_size=8).hexdigest()
    return f"{value[: width - 17]}~{digest}"


def clean_document(value: Any, depth: int = 0) -> Any:
    """Return a JSON document with clean texts and keys; what is nested deeper than `DEEPEST` becomes None."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, Mapping):
        if depth >= DEEPEST:
            return None
        return {clean_text(str(key)): clean_document(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return None if depth >= DEEPEST else [clean_document(item, depth + 1) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    return value


def load_json(body: bytes, *, parse_float: Callable[[str], Any] | None = None) -> Any:
    """Return the document of a JSON body (UTF-8, with or without BOM), with clean texts.

    Bytes that are not UTF-8 become U+FFFD, NaN and Infinity become texts, and so do numbers too long for Python. Raises
    `ValueError` when it is not JSON.
    """
    text = body.decode("utf-8-sig", "replace")
    is_odd = _ODD.search(text) is not None
    document: Any = None
    try:
        document = _load(text, parse_float)
        del text  # a large one needs as much memory as its document
        is_deep = _is_deep(document)
    except RecursionError:
        is_deep = True
    if is_deep:
        document = _load(_without_depths(body.decode("utf-8-sig", "replace")), parse_float)
    return clean_document(document) if is_odd else document


def _is_deep(document: Any) -> bool:
    """Return whether a document has more than `DEEPEST` levels."""
    level = [document] if isinstance(document, (dict, list)) else []
    for _depth in range(DEEPEST):
        if not level:
            return False
        level = [
            child
            for each in level
            for child in (each.values() if isinstance(each, dict) else each)
            if isinstance(child, (dict, list))
        ]
    return bool(level)


def _load(text: str, parse_float: Callable[[str], Any] | None) -> Any:
    try:
        return json.loads(text, parse_float=parse_float, parse_constant=str, strict=False)
    except json.JSONDecodeError:
        raise
    except ValueError:  # a whole number with thousands of digits
        return json.loads(
            text, parse_float=parse_float, parse_constant=str, strict=False, parse_int=_whole_or_text
        )


def _whole_or_text(digits: str) -> int | str:
    return int(digits) if len(digits) <= _LONG_NUMBER else digits


def _without_depths(text: str) -> str:
    """Return JSON text in which everything that is nested deeper than `DEEPEST` is null."""
    parts: list[str] = []
    depth = start = 0
    for token in _TOKENS.finditer(text):
        sign = token[0]
        if sign in "[{":
            depth += 1
            if depth == DEEPEST + 1:
                parts.append(text[start : token.start()] + "null")
        elif sign in "]}":
            depth -= 1
            if depth == DEEPEST:
                start = token.end()
    return "".join(parts) + (text[start:] if depth <= DEEPEST else "")


def dump_json(document: Any) -> str:
    """Return a document as compact JSON in ASCII with sorted keys, clean. Never fails: what is no JSON becomes its text."""
    try:
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), default=str)
    except (TypeError, ValueError, RecursionError):
        text = json.dumps(clean_document(document), sort_keys=True, separators=(",", ":"), default=repr)
    if _ODD.search(text):
        clean = clean_document(json.loads(text))
        text = json.dumps(clean, sort_keys=True, separators=(",", ":"))
    return text
