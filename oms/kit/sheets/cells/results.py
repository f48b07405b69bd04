"""What a reader of cells answers: a value, a value with a warning, or a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from oms.kit.sheets.records import Value


class CellRefused(Exception):
    """The cell has no value that can be used. `code` names the reason for tests, `reason` is a sentence for people."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Warned:
    """A value that is used, and what a person should look at."""

    value: Value
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ready:
    """A value that a known format has made already; no reader looks at it."""

    value: Value


@dataclass(frozen=True, slots=True)
class Style:
    """What was decided for a whole column before its cells are read.

    `decimal`: the decimal mark, "" when no cell shows it. `date_order`: dmy or mdy, "" when unknown. `currency`: of the file
    or the store, "" when unknown.
    """

    name: str  # heading as the file has it
    decimal: str = ""
    file_decimal: str = ""
    date_order: str = ""
    currency: str = ""


def say(template: str, **words: Any) -> str:
    """Return the sentence with its words filled in; values are shortened to what fits a line."""
    return template % {key: _short(value) for key, value in words.items()}


def _short(value: Any) -> Any:
    if isinstance(value, str) and len(value) > 60:
        return value[:57] + "…"
    return value


Words = Mapping[str, str]
