"""Personal data in the documents of a channel: one list for each channel (`ChannelSpec.personal`), and what removes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

REMOVED = "removed"

#: Keys of the parts that are about goods: names there are names of products.
LINES = frozenset({"lines", "products", "transactions", "line_items"})
#: What stays inside the part of a person: it says to which country and how, not to whom.
KEPT = frozenset(
    {
        "country", "country_iso", "country_iso2", "country_code", "iso2", "iso3", "shipping_method", "type", "url",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PersonalFields:
    """Where the orders of a channel have personal data.

    `people`: keys of objects and lists in which every text is about a person. `fields`: keys whose text is, outside the
    lines. `options`: keys of the options of a line, which hold what the buyer typed for personalisation. `leaves`: names
    of texts inside `people`, for the call log, which has cut documents.
    """

    people: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()
    options: frozenset[str] = frozenset()
    leaves: frozenset[str] = frozenset()

    def pattern(self) -> re.Pattern[str] | None:
        """Return a pattern of `"key": "text"` for every personal text of a JSON document, also at its cut end; linear."""
        names = "|".join(sorted(map(re.escape, self.fields | self.leaves)))
        return re.compile(rf'("(?:{names})"\s*:\s*)"(?:[^"\\]|\\.)*(?:"|$)') if names else None


def without_people(document: Any, personal: PersonalFields | None) -> Any:
    """Return a document of an order without personal data; its structure, its amounts and its ids do not change.

    Without a list (a channel that is not configured any more) every text is removed.
    """
    return _clean(document, personal, "", False, False)


def _clean(value: Any, personal: PersonalFields | None, key: str, is_person: bool, in_lines: bool) -> Any:
    if isinstance(value, dict):
        found = {}
        for name, inner in value.items():
            lines = in_lines or name in LINES
            person = is_person or (
                personal is not None and (name in personal.options if lines else name in personal.people)
            )
            found[name] = _clean(inner, personal, name, person, lines)
        return found
    if isinstance(value, list):
        return [_clean(inner, personal, key, is_person, in_lines) for inner in value]
    if value in (None, "") or isinstance(value, bool):
        return value
    if personal is None:
        return REMOVED if isinstance(value, str) else value
    is_named = key in personal.fields and not in_lines
    if is_named or (is_person and isinstance(value, str) and key not in KEPT):
        return REMOVED
    return value
