"""Which lanes live on this host: the guard of a lane touches a file in the data folder, and removes it when the lane ends properly.

The heartbeat in the database says whether any host works a lane; a host whose lanes hang beside others that work is found here.
"""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path

from django.conf import settings

EVERY = 10.0  # seconds
ALIVE = 180.0  # seconds: an older file is of a lane that hangs or was killed
REMEMBERED = 24 * 3600.0  # seconds: an older one is of a host that does not exist any more


def folder() -> Path:
    """Return the folder of these files."""
    return Path(settings.VAR_DIR) / "lanes"


def _file(lane: str) -> Path:
    host = re.sub(r"[^A-Za-z0-9_.-]", "_", socket.gethostname()) or "host"
    return folder() / f"{host}@{lane}"


def touch(lane: str) -> None:
    """Note that a lane lives on this host; other checks report a disk that cannot be written."""
    try:
        folder().mkdir(parents=True, exist_ok=True)
        _file(lane).touch()
    except OSError:
        return


def forget(lane: str) -> None:
    """Note that a lane of this host ended because it was asked to."""
    _file(lane).unlink(missing_ok=True)


def silent() -> list[str]:
    """Return "host@lane" of each lane that lived in the last day and has been silent for three minutes."""
    now = time.time()
    found = []
    for file in folder().glob("*@*"):
        try:
            age = now - file.stat().st_mtime
        except FileNotFoundError:
            continue
        if ALIVE < age < REMEMBERED:
            found.append(file.name)
    return sorted(found)
