"""The files of imports, in a private folder of the data directory: what was uploaded, and the files that come back."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from oms.kit.sheets.files.limits import FILE_BYTES

#: The largest file that is taken, in bytes. What it unpacks to is limited by the reader.
MOST_BYTES = FILE_BYTES
SUFFIXES = (".xlsx", ".xls", ".ods", ".csv", ".tsv", ".txt", ".xlsm", ".xlsb")


@dataclass(frozen=True, slots=True)
class Stored:
    """A file in the folder: its name there, size in bytes and SHA-256."""

    name: str
    size: int
    sha256: str


class TooLarge(Exception):
    """The file has more than `MOST_BYTES`."""


def folder() -> Path:
    """Return the folder of the files, readable by this process's user only."""
    found = Path(settings.VAR_DIR) / "imports"
    found.mkdir(mode=0o700, parents=True, exist_ok=True)
    return found


def path_of(name: str) -> Path:
    """Return the path of a stored file."""
    return folder() / Path(name).name


def shown_name(name: str) -> str:
    """Return the name of a file as lists show it: without folders and control characters, at most 200 characters."""
    last = name.replace("\\", "/").rpartition("/")[2]
    clean = re.sub(r"[\x00-\x1f\x7f]", "", last).strip() or "file"
    return clean if len(clean) <= 200 else f"{clean[:150]}…{clean[-40:]}"


def store(parts: Iterable[bytes], file_name: str) -> Stored:
    """Store a file piece by piece; raise `TooLarge` and store nothing when it is too large."""
    suffix = Path(file_name).suffix.lower()
    name = f"{secrets.token_hex(16)}{suffix if suffix in SUFFIXES else '.bin'}"
    path, size, digest, is_whole = path_of(name), 0, hashlib.sha256(), False
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            for part in parts:
                size += len(part)
                if size > MOST_BYTES:
                    raise TooLarge
                digest.update(part)
                out.write(part)
            out.flush()
            os.fsync(out.fileno())
        is_whole = True
    finally:
        if not is_whole:
            path.unlink(missing_ok=True)
    return Stored(name, size, digest.hexdigest())


def remove(name: str) -> None:
    """Delete a stored file and the file that came back for it."""
    if name:
        path_of(name).unlink(missing_ok=True)
        result_path(name).unlink(missing_ok=True)


def result_path(name: str) -> Path:
    """Return the path of the workbook with the status and the reason of each row of a stored file."""
    return folder() / f"{Path(name).stem}-result.xlsx"


def result_name(file_name: str) -> str:
    """Return the name under which the workbook is downloaded."""
    return f"{Path(shown_name(file_name)).stem}-result.xlsx"


def prune(days: int) -> None:
    """Delete files that are older and that no import deleted, such as the results of dry runs."""
    oldest = time.time() - days * 24 * 3600
    for path in folder().iterdir():
        if path.is_file() and path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)
