"""Redaction of the call log: no secret, no signature, no e-mail address, at most 2 kB of a body."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

MASK = "•••"
BODY_LIMIT = 2048

_SECRET_NAME = re.compile(
    r"(authoriz|cookie|secret|signature|^sign$|^sig$|hmac|password|passwd|token|nonce|api[-_]?key|consumer[-_]?key"
    r"|shop[-_]?key|private[-_]?key|access[-_]?key|^key$|^code$|refresh|credential|session)",
    re.IGNORECASE,
)
# In a body, `code`, `key` and `session` are ordinary words of products, coupons and errors.
_FIELD_NAME = (
    r"(?:[\w-]*(?:authorization|secret|signature|hmac|password|passwd|token|nonce|api[-_]?key|consumer[-_]?key"
    r"|shop[-_]?key|private[-_]?key|access[-_]?key|credential)[\w-]*|sign|sig)"
)
_JSON_PAIR = re.compile(rf'("{_FIELD_NAME}"\s*:\s*)("(?:[^"\\]|\\.)*"?|[^\s,}}\]]+)', re.IGNORECASE)
_FORM_PAIR = re.compile(rf"((?:^|[&?\s]){_FIELD_NAME}=)([^&\s]*)", re.IGNORECASE)
_BEARER = re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE)
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+(?:@|%40)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")


def secret_values(credentials: Mapping[str, Any], public: Iterable[str] = ()) -> tuple[str, ...]:
    """Return every secret text of these credentials, in each encoding that a request may contain.

    `public` names the fields that are not secret (an address). Texts under 4 characters are not included: masking them
    would change ordinary words.
    """
    texts: set[str] = set()
    for name, value in credentials.items():
        if name in public or not isinstance(value, str) or len(value) < 4:
            continue
        texts.update(
            {
                value,
                quote(value, safe=""),
                json.dumps(value)[1:-1],
                base64.b64encode(value.encode()).decode().rstrip("="),
            }
        )
    return tuple(sorted(texts, key=len, reverse=True))


def text(value: str, secrets: Iterable[str] = ()) -> str:
    """Return `value` without secrets, tokens, signatures and e-mail addresses."""
    for secret in secrets:
        value = value.replace(secret, MASK)
    value = _JSON_PAIR.sub(rf'\1"{MASK}"', value)
    value = _FORM_PAIR.sub(rf"\1{MASK}", value)
    value = _BEARER.sub(rf"\1 {MASK}", value)
    return _EMAIL.sub(f"{MASK}@{MASK}", value)


def body(value: bytes | None, secrets: Iterable[str] = ()) -> str:
    """Return the first 2 kB of a body, redacted; for a body that is not text, its size.

    It is cut above the limit before the redaction and at the limit after it, so that no part of a secret is left at the
    end.
    """
    if not value:
        return ""
    if b"\x00" in value[:BODY_LIMIT]:
        return f"({len(value)} bytes)"
    known = tuple(secrets)
    margin = max((len(secret) for secret in known), default=0) + 512
    clean = text(value[: BODY_LIMIT + margin].decode("utf-8", "replace"), known)
    return clean if len(value) <= BODY_LIMIT and len(clean) <= BODY_LIMIT else f"{clean[:BODY_LIMIT]}…"


def headers(values: Mapping[str, str], secrets: Iterable[str] = ()) -> str:
    """Return the headers as lines of `Name: value`; values of headers with secrets are masked."""
    known = tuple(secrets)
    lines = []
    for name, value in values.items():
        shown = MASK if _SECRET_NAME.search(name) else text(str(value), known)
        lines.append(f"{name}: {shown[:300]}")
    return "\n".join(lines)


def url(value: str, secrets: Iterable[str] = ()) -> str:
    """Return an address without user info, and with the values of secret parameters masked."""
    parts = urlsplit(value)
    host = parts.netloc.rpartition("@")[2]
    pairs = [
        (name, MASK if _SECRET_NAME.search(name) else content)
        for name, content in parse_qsl(parts.query, keep_blank_values=True)
    ]
    query = urlencode(pairs, safe="•:,/", quote_via=quote)
    return text(urlunsplit((parts.scheme, host, parts.path, query, "")), secrets)[:500]
