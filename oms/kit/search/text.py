"""What is compared in a search: texts without case, accents and signs of spelling. Pure functions.

A row keeps a *search text*: its words, each once, folded, with one space before and after every word. A word that a
person types is found anywhere in it; a word of one or two characters only at the beginning of a word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

#: Longest search text; what is beyond it is not found.
MOST_CHARACTERS = 4_000
#: Words of a search beyond these are ignored, and characters beyond those.
MOST_WORDS = 8
MOST_TYPED = 200
#: From so many characters on, a word is found anywhere, not only at the beginning of a word.
ANYWHERE_FROM = 3
#: A longer run without spaces is no phone number, postcode or code that a person splits.
LONGEST_CODE = 24

#: Longest word that is kept whole.
LONGEST_WORD = 300

_PLAIN = str.maketrans(
    {"ø": "o", "đ": "d", "ð": "d", "ł": "l", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i", "ħ": "h"}
)
_NO_APOSTROPHES = dict.fromkeys(map(ord, "'’‘ʼ`´"))
_SIGNS = re.compile(r"[\W_]+")


@lru_cache(maxsize=8_192)
def fold(text: str) -> str:
    """Return `text` without case, accents, apostrophes and characters that are not shown; words one space apart.

    Every dash is "-". Folding twice changes nothing. Lone surrogates and NUL, which no database takes, are left out.
    """
    if text.isascii():
        plain = text.lower()
    else:
        plain, before = text, ""
        while plain != before:  # a folded letter may decompose again
            before = plain
            plain = unicodedata.normalize("NFKD", plain).casefold().translate(_PLAIN)
            plain = "".join(map(_shown, plain))
    if not plain.isprintable():
        plain = "".join(one for one in plain if one.isprintable() or one.isspace())
    return " ".join(plain.translate(_NO_APOSTROPHES).split())


def _shown(character: str) -> str:
    """Return the character; a dash for every dash, nothing for accents, surrogates and what is not shown."""
    kind = unicodedata.category(character)
    if kind == "Pd":
        return "-"
    return "" if kind in ("Mn", "Me", "Cf", "Cs", "Co", "Cn") else character


def compact(text: str) -> str:
    """Return `text` folded, without spaces and signs: "+44 (0)7700" -> "4407700", "LS6 3BJ" -> "ls63bj"."""
    return _SIGNS.sub("", fold(text))


def with_compact(text: str) -> str:
    """Return a phone number, postcode or other code as it is written and also without spaces and signs."""
    return f"{text} {compact(text)}"


def search_text(parts: Iterable[str], *, most: int = MOST_CHARACTERS) -> str:
    """Return what a row keeps to be found: the words of `parts`, folded, each once; "" where there is no word.

    Where the text would be longer than `most` characters the last words are left out: put first what must be found.
    """
    words: dict[str, None] = {}
    for part in parts:
        words.update(dict.fromkeys(fold(part).split()))
    text = " " + "".join(f"{word[:LONGEST_WORD]} " for word in words)
    if len(text) > most:
        text = text[: text.rfind(" ", 0, most) + 1]
    return text if text != " " else ""


def needles(text: str) -> tuple[tuple[str, ...], ...]:
    """Return what a search looks for: a row is found by one of the groups, if its text has every needle of it.

    The second group, where there is one, is the whole search without spaces and signs, so that a phone number or
    postcode is found in whatever way it is written. () where nothing that can be looked for was typed.
    """
    typed = fold(text[:MOST_TYPED]).split()
    words = ([word for word in typed if compact(word)] or typed)[:MOST_WORDS]
    if not words:
        return ()
    groups = [tuple(dict.fromkeys(map(_needle, words)))]
    whole = compact(" ".join(words))
    is_code = ANYWHERE_FROM <= len(whole) <= LONGEST_CODE and any(map(str.isdigit, whole))
    # Where every word stands in `whole` as it is looked for, a row that has `whole` is found by the first group too.
    if is_code and not all(needle in whole for needle in groups[0]):
        groups.append((whole,))
    return tuple(groups)


def _needle(word: str) -> str:
    return word if len(word) >= ANYWHERE_FROM else f" {word}"


def is_found(kept: str, typed: str) -> bool:
    """Whether a row with the search text `kept` is found by what was typed; for the few rows that no index holds."""
    return any(all(needle in kept for needle in group) for group in needles(typed))
