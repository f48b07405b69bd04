"""Stored files of issued documents, by the hash of their content; and files of printing jobs, which are kept for days."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from datetime import timedelta
from pathlib import Path
from secrets import token_hex

from django.conf import settings
from django.utils.translation import gettext as _

from orders.errors import OrderError

#: How many days the file of a printing job is kept.
DAYS = 7


def path_of(content_hash: str, suffix: str = "pdf") -> Path:
    """Return where the file with this hash is stored."""
    return Path(settings.MEDIA_ROOT) / "documents" / content_hash[:2] / f"{content_hash}.{suffix}"


def store(content: bytes, *, suffix: str = "pdf") -> str:
    """Store a file and return its SHA-256. A file that is there already is not written again."""
    content_hash = hashlib.sha256(content).hexdigest()
    path = path_of(content_hash, suffix)
    if not path.is_file():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = path.with_name(f"{token_hex(8)}.part")
        with part.open("wb") as target:
            target.write(content)
            target.flush()
            os.fsync(target.fileno())
        part.replace(path)
    return content_hash


def read(content_hash: str, *, suffix: str = "pdf") -> bytes:
    """Return a stored file. Raises `OrderError` when it is missing or was changed: it is never made again silently."""
    path = path_of(content_hash, suffix)
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != content_hash:
        raise OrderError(_("The stored file is missing or damaged. Restore the media folder from a backup."))
    return content


def print_folder() -> Path:
    """Return the folder of the files of printing jobs, readable by this process's user only."""
    folder = Path(settings.VAR_DIR) / "prints"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def prune() -> int:
    """Delete files and folders of printing jobs that are older than `DAYS`; return how many."""
    oldest, deleted = time.time() - timedelta(days=DAYS).total_seconds(), 0
    for path in print_folder().iterdir():
        if path.stat().st_mtime < oldest:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
            deleted += 1
    return deleted
