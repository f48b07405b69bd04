"""Redaction of the call log: no secret, no signature, no e-mail address, at most 2 kB of a body."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from channels.contract.registry import spec_for

MASK = "•••"
BODY_LIMIT = 2048

_SECRET_NAME = re.compile(
    r"(authoriz|cookie|secret|signature|^sign$|^sig$|hmac|password|passwd|token|nonce|api[-_]?key|consumer[-_]?key"
    r"|shop[-_]?key|private[-_]?key|access[-_]?key|^key$|^code$|refresh|credential|session)",
    re.IGNORECASE,
)
# In a body, `code`, `key` and `session` are ordinary words of products, coupons and errors.
_SECRET_FIELD = re.compile(
    r"authorization|secret|signature|hmac|password|passwd|token|nonce|api[-_]?key|consumer[-_]?key"
    r"|shop[-_]?key|private[-_]?key|access[-_]?key|credential|^sign$|^sig$",
    re.IGNORECASE,
)
# Each pattern needs linear time for any text: a name has an end, and a run of characters is tried from its start only. A
# channel decides what is in these texts.
_JSON_PAIR = re.compile(r'("([\w-]{1,100})"\s{0,20}:\s{0,20})("(?:[^"\\]|\\.)*"?|[^\s,}\]]+)')
_FORM_PAIR = re.compile(r"((?:^|[&?\s])([\w-]{1,100})=)([^&\s]*)")
_BEARER = re.compile(r"\b(Bearer|Basic)\s{1,20}[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE)
_EMAIL = re.compile(r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]+(?:@|%40)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")

# What is longer is cut before it is redacted.
HEADER_LIMIT = 300  # characters of a header's value
HEADERS_LIMIT = 50  # headers of one request or answer
URL_LIMIT = 2000
TEXT_LIMIT = 4000  # characters of a message


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
    """Return `value` without secrets, tokens, signatures and e-mail addresses. The caller cuts long texts before."""
    for secret in secrets:
        value = value.replace(secret, MASK)
    value = _JSON_PAIR.sub(_without_json_value, value)
    value = _FORM_PAIR.sub(_without_form_value, value)
    value = _BEARER.sub(rf"\1 {MASK}", value)
    return _EMAIL.sub(f"{MASK}@{MASK}", value)


def _without_json_value(pair: re.Match[str]) -> str:
    return f'{pair[1]}"{MASK}"' if _SECRET_FIELD.search(pair[2]) else pair[0]


def _without_form_value(pair: re.Match[str]) -> str:
    return f"{pair[1]}{MASK}" if _SECRET_FIELD.search(pair[2]) else pair[0]


def message(value: str, secrets: Iterable[str] = ()) -> str:
    """Return a message of a channel, cut and redacted."""
    known = tuple(secrets)
    return text(value[: TEXT_LIMIT + _margin(known)], known)[:TEXT_LIMIT]


def _margin(secrets: tuple[str, ...]) -> int:
    """Return how much more than the limit is redacted, so that no part of a secret is left at the end."""
    return max((len(secret) for secret in secrets), default=0) + 512


def body(value: bytes | None, secrets: Iterable[str] = (), people: re.Pattern[str] | None = None) -> str:
    """Return the first 2 kB of a body, redacted; for a body that is not text, its size.

    `people` are the personal texts of the channel (`PersonalFields.pattern`).

    It is cut above the limit before the redaction and at the limit after it, so that no part of a secret is left at the
    end.
    """
    if not value:
        return ""
    if b"\x00" in value[:BODY_LIMIT]:
        return f"({len(value)} bytes)"
    known = tuple(secrets)
    clean = text(value[: BODY_LIMIT + _margin(known)].decode("utf-8", "replace"), known)
    if people is not None:
        clean = people.sub(rf'\1"{MASK}"', clean)
    return clean if len(value) <= BODY_LIMIT and len(clean) <= BODY_LIMIT else f"{clean[:BODY_LIMIT]}…"


def headers(values: Mapping[str, str], secrets: Iterable[str] = ()) -> str:
    """Return the headers as lines of `Name: value`; values of headers with secrets are masked."""
    known = tuple(secrets)
    longest = HEADER_LIMIT + _margin(known)
    lines = []
    for name, value in list(values.items())[:HEADERS_LIMIT]:
        shown = MASK if _SECRET_NAME.search(name[:100]) else text(str(value)[:longest], known)
        lines.append(f"{name[:100]}: {shown[:HEADER_LIMIT]}")
    if len(values) > HEADERS_LIMIT:
        lines.append(f"({len(values) - HEADERS_LIMIT} more)")
    return "\n".join(lines)


def url(value: str, secrets: Iterable[str] = ()) -> str:
    """Return an address without user info, and with the values of secret parameters masked."""
    parts = urlsplit(value[:URL_LIMIT])
    host = parts.netloc.rpartition("@")[2]
    pairs = [
        (name, MASK if _SECRET_NAME.search(name) else content)
        for name, content in parse_qsl(parts.query, keep_blank_values=True)
    ]
    query = urlencode(pairs, safe="•:,/", quote_via=quote)
    return text(urlunsplit((parts.scheme, host, parts.path, query, "")), secrets)[:500]


#: In the address of a call: its bodies have personal data.
_ABOUT_BUYERS = ("order", "receipt", "customer", "buyer", "shipment", "transaction")


@cache
def _pattern(channel: str) -> re.Pattern[str] | None:
    try:
        personal = spec_for(channel).personal
    except LookupError:
        return None
    return personal.pattern() if personal is not None else None


def personal_pattern(channel: str, url: str) -> re.Pattern[str] | None:
    """Return the pattern of personal texts in the bodies of this call; None for a call about goods."""
    return _pattern(channel) if any(word in url.lower() for word in _ABOUT_BUYERS) else None
