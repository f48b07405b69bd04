"""The settings of a machine that nobody has configured: `env` in the data folder, written once.

Runs before Django's settings, so it imports nothing of Django. `python -m oms.devserver.local_settings` (part of `make setup`) writes
the file; the supervisor does the same on a first `make run`.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
import tempfile
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parents[2]


def var_dir() -> Path:
    """The data folder: `OMS_VAR_DIR`, else `var` beside `manage.py`."""
    return Path(os.environ.get("OMS_VAR_DIR") or BASE_DIR / "var").resolve()


def ensure() -> bool:
    """Write the settings of a demo with keys of its own, readable by this user alone; true if they were written.

    Nothing is written when `.env`, a SECRET_KEY in the environment or an earlier file already says what holds:
    keys are never made anew, because the stored credentials could not be read any more.
    """
    folder = var_dir()
    target = folder / "env"
    env_file = Path(os.environ.get("OMS_ENV_FILE") or BASE_DIR / ".env")
    if env_file.is_file() or "SECRET_KEY" in os.environ or target.is_file():
        return False
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = f"""\
# Written once by `make setup` or `make run`: a demo on this machine alone. Keep it with the data: without these keys
# the stored credentials cannot be read. A real installation has a .env of its own instead (.env.example).
OMS_DEMO=true
OMS_HTTPS=false
ALLOWED_HOSTS=127.0.0.1,localhost,[::1]
OMS_ALLOWED_PRIVATE_HOSTS=127.0.0.1
SECRET_KEY={secrets.token_urlsafe(50)}
OMS_CREDENTIAL_KEYS={base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()}
"""
    # Written aside and linked into place: two first starts at once agree on one file, and nobody reads half of it.
    handle, name = tempfile.mkstemp(dir=folder, prefix=".env-")  # mode 600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    try:
        os.link(name, target)
    except FileExistsError:
        return False
    finally:
        Path(name).unlink()
    return True


def cannot_write(folder: Path, error: OSError) -> str:
    """Return the sentence for a data folder in which nothing can be saved."""
    reason = f"{error.strerror or error}: {error.filename}" if error.filename else str(error)
    return (
        f"Manifold OMS cannot save anything in {folder} ({reason}). Is the disk full or read-only, or does the folder belong "
        "to another user? Set OMS_VAR_DIR to a folder where you may write."
    )


if __name__ == "__main__":
    try:
        ensure()
    except OSError as error:
        sys.exit(cannot_write(var_dir(), error))
