"""Texts: blanks, guards against spreadsheet programs, characters that nobody sees, codes, titles, descriptions."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, time, timedelta
from html import unescape

from django.utils.translation import gettext as _

from oms.kit.sheets.cells.results import CellRefused, Warned, say
from oms.kit.sheets.files.tables import BLANKS, ErrorCell, Fault, Raw, Shown
from oms.kit.sheets.records import CLEAR, Clear, Value

#: Words in a cell that empty the stored value.
CLEAR_WORDS = frozenset({"(empty)", "(vide)"})
#: Excel and programs like it store 15 digits of a number.
MOST_DIGITS = 10**15

_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"
)
_UNSEEN_LONG = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_AS_FORMULA = re.compile(r'^="(.*)"$', re.DOTALL)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_BLANK_RUN = re.compile(r"[\s\x85\xa0\u200b\u2028\u2029]+")
_UNEVEN = re.compile(r"[\x00-\x1f\x7f&]|  |^ | $")
_SCIENTIFIC = re.compile(r"^\d[.,]\d+E\+?\d{1,3}$", re.IGNORECASE)
_MOJIBAKE = re.compile("Ã[\x80-\xbf©¨ªè]|â€[™œ\x9d“”]|Â[£ °]")


def bare(raw: Raw, *, guards: str = "=+-@\t\r0123456789") -> Raw | Clear:
    """Return the cell without outer blanks and without guards; None when it is blank, CLEAR for the word that empties.

    `guards`: an apostrophe before one of these characters is dropped. Raises `CellRefused` for a cell with a fault.
    """
    if type(raw) is not str:
        if isinstance(raw, Fault):
            raise _faulty(raw)
        return raw
    text = raw.strip()
    if not text:
        return None
    if text[0] >= "\u1680" or text[-1] >= "\u1680":
        text = text.strip(BLANKS)
    if text[:1] in "='(":
        return _unguarded(text, guards)
    return text


def _unguarded(text: str, guards: str) -> str | Clear | None:
    """Return what a text says inside of `="…"`, after an apostrophe, or as the word for an empty value."""
    if text[:1] == "=" and (match := _AS_FORMULA.match(text)):
        text = match[1].replace('""', '"').strip(BLANKS)
        if text[:1] == '"' and text[-1:] == '"' and len(text) > 1:
            text = text[1:-1]
    elif text[:1] == "'" and len(text) > 1 and text[1] in guards:
        text = text[1:].strip(BLANKS)
    if text.casefold() in CLEAR_WORDS:
        return CLEAR
    return text or None


def _faulty(raw: Fault) -> CellRefused:
    if isinstance(raw, ErrorCell):
        return CellRefused("cell-error", say(_("The cell shows the error %(error)s."), error=str(raw)))
    return CellRefused(
        "formula-without-value",
        _(
            "The cell holds a formula whose result is not in the file. Open the file in Excel, save it and upload it again."
        ),
    )


def shown(raw: Raw) -> str:
    """Return the cell as a person sees it: numbers without `.0`, days without a time."""
    if isinstance(raw, str):
        return str(raw)
    if isinstance(raw, bool):
        return "TRUE" if raw else "FALSE"
    if isinstance(raw, float):
        return str(int(raw)) if raw.is_integer() and abs(raw) < MOST_DIGITS else f"{raw:.15g}"
    if isinstance(raw, datetime):
        at_midnight = (raw.hour, raw.minute, raw.second) == (0, 0, 0)
        return raw.date().isoformat() if at_midnight else raw.isoformat(" ")
    if isinstance(raw, date | time):
        return raw.isoformat()
    if isinstance(raw, timedelta):
        return str(raw)
    return "" if raw is None else str(raw)


def read_code(raw: Raw, key: str, most: int | None) -> Value | Warned:
    """Return a code (SKU, order number) as text. A number cell becomes its digits, with a warning.

    Raises `CellRefused` for a code that a spreadsheet program has spoiled beyond repair.
    """
    cell = bare(raw)
    if cell is None or isinstance(cell, Clear):
        return cell
    if isinstance(cell, Shown):
        return Warned(
            str(cell), f"{key}-was-a-number", _("The cell was a number; the digits that it shows are used.")
        )
    if isinstance(cell, str):
        return _text_code(cell, key, most)
    if isinstance(cell, bool | date | time | timedelta):
        raise CellRefused(
            f"{key}-not-a-code",
            say(
                _(
                    "Excel has made “%(text)s” of this code. Format the column as text and enter the code again."
                ),
                text=shown(cell),
            ),
        )
    if abs(cell) >= MOST_DIGITS:
        raise _digits_lost(key, shown(cell))
    return Warned(
        shown(cell), f"{key}-was-a-number", _("The cell was a number; leading zeros may be missing.")
    )


def _text_code(text: str, key: str, most: int | None) -> Value | Warned:
    if _SCIENTIFIC.match(text):
        raise _digits_lost(key, text)
    code = text
    if not (text.isascii() and text.isprintable()):
        code = _UNSEEN.sub("", text.replace("\r", "").replace("\n", " ").replace("\t", " ")).strip(BLANKS)
        if not code:
            return None
    if len(code) > (most or 255):
        raise CellRefused(
            f"{key}-too-long",
            say(_("“%(text)s” has more than %(most)d characters."), text=code, most=most or 255),
        )
    if not code.isascii() and mixed_scripts(code):
        return Warned(
            code,
            f"{key}-mixed-scripts",
            say(_("“%(text)s” mixes letters of several alphabets that look alike."), text=code),
        )
    return code


def _digits_lost(key: str, text: str) -> CellRefused:
    return CellRefused(
        f"{key}-digits-lost",
        say(
            _("“%(text)s” has lost its digits in a spreadsheet program. Enter the number again as text."),
            text=text,
        ),
    )


def mixed_scripts(text: str) -> bool:
    """Whether the letters come from more than one of the alphabets that have letters of the same look."""
    found = set()
    for letter in text:
        if letter.isalpha():
            name = unicodedata.name(letter, "").split(" ", 1)[0]
            if name in ("LATIN", "CYRILLIC", "GREEK", "FULLWIDTH", "ARMENIAN", "CHEROKEE"):
                found.add(name)
    return len(found) > 1 or "FULLWIDTH" in found


def one_line(text: str) -> str:
    """Return the text with every run of blanks and line breaks as one blank, entities as their characters."""
    if text.isascii() and not _UNEVEN.search(text):
        return text
    if "&" in text:
        text = _ENTITY.sub(lambda match: unescape(match[0]), text)
    return _UNSEEN.sub("", _BLANK_RUN.sub(" ", text)).strip(BLANKS)


def read_text(raw: Raw, key: str, most: int | None) -> Value | Warned:
    """Return a text of one line, such as a title. Raises `CellRefused` when it is too long."""
    cell = bare(raw, guards="=+-@\t\r")
    if cell is None or isinstance(cell, Clear):
        return cell
    text = one_line(shown(cell))
    if not text:
        return None
    if most and len(text) > most:
        raise CellRefused(
            f"{key}-too-long",
            say(
                _("The text has %(size)d characters; at most %(most)d are possible."),
                size=len(text),
                most=most,
            ),
        )
    if not text.isascii() and _MOJIBAKE.search(text):
        return Warned(
            text,
            "text-damaged",
            say(_("“%(text)s” looks damaged: the file was saved with another encoding before."), text=text),
        )
    return text


def read_long_text(raw: Raw, key: str, most: int | None) -> Value | Warned:
    """Return a text of many lines as it is, such as a description with HTML."""
    cell = bare(raw, guards="=+-@\t\r")
    if cell is None or isinstance(cell, Clear):
        return cell
    text = _UNSEEN_LONG.sub("", shown(cell).replace("\r\n", "\n"))
    if most and len(text) > most:
        raise CellRefused(
            f"{key}-too-long",
            say(
                _("The text has %(size)d characters; at most %(most)d are possible."),
                size=len(text),
                most=most,
            ),
        )
    return text or None
