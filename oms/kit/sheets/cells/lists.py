"""Cells with one of a set of words, and cells with several things: yes and no, choices, addresses, tags, category paths."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.utils.translation import gettext as _

from oms.kit.numbers import is_web_address
from oms.kit.sheets.cells.results import CellRefused, Warned, say
from oms.kit.sheets.cells.text import bare, one_line, shown
from oms.kit.sheets.files.tables import Raw
from oms.kit.sheets.records import Clear, Value

YES = frozenset("yes y true 1 on x oui o vrai ja wahr active enabled".split())
NO = frozenset("no n false 0 off non faux nein falsch inactive disabled".split())
_LINK_PARTS = re.compile(r"[\s|;]+|,\s*(?=https?://)|,\s+", re.IGNORECASE)
_SEVERAL = re.compile(r"[;\n|]")


def read_yes_no(raw: Raw) -> Value:
    """Return True or False. Raises `CellRefused` for another word."""
    cell = bare(raw)
    if cell is None or isinstance(cell, Clear | bool):
        return cell
    word = shown(cell).casefold()
    if word in YES:
        return True
    if word in NO:
        return False
    raise CellRefused("not-yes-or-no", say(_("“%(text)s” is neither yes nor no."), text=shown(cell)))


def read_choice(raw: Raw, allowed: Sequence[str]) -> Value:
    """Return the allowed value that the cell means, whatever its case. Raises `CellRefused` for another one."""
    cell = bare(raw)
    if cell is None or isinstance(cell, Clear):
        return cell
    word = one_line(shown(cell))
    found = next((value for value in allowed if value.casefold() == word.casefold()), None)
    if found is None:
        raise CellRefused(
            "not-allowed",
            say(
                _("“%(text)s” is not possible. Possible: %(allowed)s."), text=word, allowed=", ".join(allowed)
            ),
        )
    return found


def read_links(raw: Raw) -> Value | Warned:
    """Return the addresses of a cell in their order, each once. What is no web address is returned too, with a warning."""
    cell = bare(raw)
    if cell is None or isinstance(cell, Clear):
        return cell
    links = tuple(dict.fromkeys(part for part in _LINK_PARTS.split(shown(cell)) if part))
    wrong = next((link for link in links if not is_web_address(link)), "")
    if wrong:
        return Warned(
            links, "link-no-address", say(_("“%(text)s” is no web address (https://…)."), text=wrong)
        )
    return links


def read_words(raw: Raw) -> Value:
    """Return the words that commas, semicolons or line breaks part, each once."""
    cell = bare(raw)
    if cell is None or isinstance(cell, Clear):
        return cell
    parts = (one_line(part) for part in re.split(r"[,;\n|]", shown(cell)))
    return tuple(dict.fromkeys(part for part in parts if part))


def read_paths(raw: Raw) -> Value:
    """Return category paths: `Home > Candles; Gifts` are two. Levels are parted by `>`, paths by `;`, `|` or a line break."""
    cell = bare(raw)
    if cell is None or isinstance(cell, Clear):
        return cell
    return paths(_SEVERAL.split(shown(cell)), ">")


def paths(texts: Sequence[str], level: str) -> tuple[tuple[str, ...], ...]:
    """Return each text as its levels; empty ones are left out."""
    found = (tuple(one_line(part) for part in text.split(level) if one_line(part)) for text in texts)
    return tuple(dict.fromkeys(path for path in found if path))
