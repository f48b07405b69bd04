"""`manage.py make_settings`: the settings file of a real installation, with keys of its own.

Runs before Django's settings, so it imports nothing of Django. Keys are never made anew: the stored credentials could not be
read any more.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import secrets
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

BASE_DIR = Path(__file__).resolve().parents[2]
HELP = (
    "Write the settings file of a real installation, with new keys. An existing file is never changed. "
    "Exit codes: 0 written, 1 the file exists already, 2 could not write it."
)
DONE, EXISTS, COULD_NOT = 0, 1, 2


class Refused(Exception):
    """A value that cannot be used; the text says why."""


def parser() -> argparse.ArgumentParser:
    """Return the options of the command."""
    made = argparse.ArgumentParser(prog="manage.py make_settings", description=HELP)
    made.add_argument(
        "--address",
        required=True,
        help="Address that people open in the browser, such as https://oms.example.com.",
    )
    made.add_argument("--file", default=str(BASE_DIR / ".env"), help="File to write (default: .env).")
    made.add_argument(
        "--database", default="", help="postgres://user:password@host:5432/name; empty: SQLite."
    )
    made.add_argument("--redis", default="", help="redis://host:6379/0 for a shared cache; empty: none.")
    made.add_argument(
        "--data", default="", help="Folder for files (OMS_VAR_DIR); empty: var/ beside manage.py."
    )
    made.add_argument("--time-zone", default="Europe/London", help="Time zone of the seller.")
    made.add_argument(
        "--mail", default="", help="Mail server: smtp+tls://user:password@host:587; empty: none."
    )
    made.add_argument("--sender", default="", help="Sender of mails (default: oms@ the host of --address).")
    made.add_argument("--proxies", default="", help="Addresses of your own proxies; empty: this machine.")
    made.add_argument(
        "--without-https",
        action="store_true",
        help="No TLS at all: in a network of your own, never on the internet.",
    )
    made.add_argument("--json", action="store_true", help="Print one JSON object and nothing else.")
    made.add_argument("--quiet", action="store_true", help="Print nothing when the file was written.")
    return made


def text(options: argparse.Namespace) -> str:
    """Return the text of the file. Raises `Refused` for an address that is none, or a value of several lines."""
    address = str(options.address).rstrip("/")
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query:
        raise Refused(f"--address {address} is no address such as https://oms.example.com.")
    if (parts.scheme == "http") != bool(options.without_https):
        raise Refused("Give an address with https://, or one with http:// together with --without-https.")
    sender = options.sender or f"Manifold OMS <oms@{parts.hostname}>"
    lines = [
        "# The settings of this installation: for its services and for commands. docs/settings.md lists all of them.",
        "# Keep a copy of the two keys in another place than the backups: without OMS_CREDENTIAL_KEYS nobody can read",
        "# the keys of the stores. Restart the services after a change.",
        f"SECRET_KEY={secrets.token_urlsafe(50)}",
        f"OMS_CREDENTIAL_KEYS={base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()}",
        f"ALLOWED_HOSTS={','.join(dict.fromkeys([parts.hostname, '127.0.0.1', 'localhost']))}",
        f"OMS_PUBLIC_URL={address}",
        f"TIME_ZONE={options.time_zone}",
        f"DEFAULT_FROM_EMAIL={sender}",
        *(["OMS_HTTPS=false"] if options.without_https else []),
    ]
    for name, value in {
        "DATABASE_URL": options.database,
        "REDIS_URL": options.redis,
        "OMS_VAR_DIR": options.data,
        "EMAIL_URL": options.mail,
        "OMS_TRUSTED_PROXIES": options.proxies,
    }.items():
        lines.append(f"{name}={value}" if value else f"# {name}=")
    if any("\n" in line or "\r" in line for line in lines):
        raise Refused("A value has a line break in it.")
    return "\n".join(lines) + "\n"


def write(target: Path, content: str) -> bool:
    """Write the file, readable by this user alone; False when there is one already. Raises `OSError`."""
    if target.exists():
        return False
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".env-")  # mode 600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
        os.link(name, target)  # nobody reads half of it, and two at once agree on one file
    except FileExistsError:
        return False
    finally:
        Path(name).unlink()
    return True


def main(arguments: Sequence[str]) -> int:
    """Write the file and say so; return the exit code."""
    options = parser().parse_args(arguments)
    target = Path(options.file)
    try:
        content = text(options)
        Path(options.data or BASE_DIR / "var").mkdir(mode=0o700, parents=True, exist_ok=True)
        is_new = write(target, content)
    except (Refused, OSError) as error:
        reason = (
            f"{target} cannot be written: {error.strerror}." if isinstance(error, OSError) else str(error)
        )
        if options.json:
            sys.stdout.write(json.dumps({"ok": False, "error": reason}) + "\n")
        else:
            sys.stderr.write(f"{reason}\n")
        return COULD_NOT
    code = DONE if is_new else EXISTS
    words = f"{target} is written." if is_new else f"{target} exists already and was not changed."
    if options.json:
        sys.stdout.write(json.dumps({"ok": is_new, "file": str(target), "message": words}) + "\n")
    elif code or not options.quiet:
        sys.stdout.write(f"{words}\n")
    return code
