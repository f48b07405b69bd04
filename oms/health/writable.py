"""Whether something can be saved: a full or read-only disk is found by writing and reading back, and recognised in an error."""

from __future__ import annotations

import secrets
from pathlib import Path

from django.db import DatabaseError

#: PostgreSQL's codes: disk full, out of memory for a write, read-only transaction (a stand-by server), I/O error.
_STATES = {"53100", "53200", "25006", "58030"}
#: What SQLite says; it has no codes in its Python errors before 3.11 that Django passes on.
_WORDS = (
    "readonly database",
    "disk is full",
    "disk i/o error",
    "unable to open database file",
)


def is_write_fault(error: BaseException | None) -> bool:
    """Whether this error says that the database cannot store anything, whatever is written."""
    if not isinstance(error, DatabaseError):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    return state in _STATES or any(words in str(error).lower() for words in _WORDS)


def check_folder(folder: Path) -> None:
    """Write a file in this folder, read it back and delete it; raises `OSError` with what failed."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f".write-check-{secrets.token_hex(4)}"
    text = secrets.token_hex(16)
    try:
        file.write_text(text, encoding="ascii")
        if file.read_text(encoding="ascii") != text:
            raise OSError(f"{folder}: what was written could not be read back")
    finally:
        file.unlink(missing_ok=True)
