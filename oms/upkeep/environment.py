"""Reads the settings from the environment and checks each one: a wrong value is one sentence, and all of them are printed together.

Imported by `oms/settings.py` before Django is ready, so it uses nothing of Django but its exception and its URL parser.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import environ
from django.core.exceptions import ImproperlyConfigured

TRUE = ("true", "yes", "on", "1")
FALSE = ("false", "no", "off", "0")
_HOST = re.compile(r"^\.?[A-Za-z0-9_.*-]+$|^\[[0-9a-fA-F:.]+\]$")


class Environment:
    """The settings of the process: `Environment().whole("OMS_WORKERS", default=2, least=1)`.

    A wrong value is noted and its default is used until `check` raises `ImproperlyConfigured` with all sentences. The words
    never have the value of a setting that may hold a password.
    """

    def __init__(self) -> None:
        self._env = environ.Env()
        self.faults: list[str] = []
        self.in_file: set[str] = set()
        self.asked: set[str] = set()

    def read_file(self, path: Path) -> None:
        """Read a file of NAME=value lines; what the process has already takes precedence."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
            self.faults.append(f"The settings file {path} cannot be read: {why}.")
            return
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip() and not line.strip().startswith("#") and "=" not in line:
                self.faults.append(f"Line {number} of {path} is no NAME=value.")
        self.in_file |= set(
            re.findall(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=", text, flags=re.MULTILINE)
        )
        self._env.read_env(str(path))

    def has(self, name: str) -> bool:
        """Whether the process or the file has this setting."""
        return name in self._env

    def text(self, name: str, default: str = "") -> str:
        """Return the text of a setting without spaces at its ends."""
        self.asked.add(name)
        return str(self._env.str(name, default=default)).strip()

    def given(self, name: str, default: str) -> str:
        """Return the text of a setting; an empty one is as one that is not there (a container passes on empty ones)."""
        return self.text(name, default) or default

    def unknown(self) -> list[str]:
        """Return the names in the settings file that begin as ours do and are no settings: typing mistakes."""
        ours = {
            name for name in self.in_file if name.startswith("OMS_") and not name.startswith("OMS_SANDBOX_")
        }
        return sorted(ours - self.asked)

    def flag(self, name: str, default: bool) -> bool:
        """Return a yes or no."""
        given = self.given(name, str(default)).lower()
        if given in TRUE or given in FALSE:
            return given in TRUE
        self.faults.append(f"{name} is neither true nor false: “{given}”.")
        return default

    def whole(self, name: str, default: int, *, least: int, most: int = 10_000_000) -> int:
        """Return a whole number from `least` to `most`."""
        given = self.given(name, str(default))
        if re.fullmatch(r"-?[0-9]{1,12}", given) and least <= int(given) <= most:
            return int(given)
        self.faults.append(f"{name} is no whole number from {least} to {most:,}: “{given}”.")
        return default

    def choice(self, name: str, default: str, *, among: Sequence[str]) -> str:
        """Return one of some words."""
        given = self.given(name, default)
        for word in among:
            if given.lower() == word.lower():
                return word
        known = ", ".join(word or "(empty)" for word in among)
        self.faults.append(f"{name} is not one of {known}: “{given}”.")
        return default

    def words(self, name: str, default: Sequence[str] = ()) -> list[str]:
        """Return the parts of a list that is separated by commas."""
        self.asked.add(name)
        given = self._env.list(name, default=list(default))
        return [str(part).strip() for part in given if str(part).strip()]

    def hosts(self, name: str, default: Sequence[str]) -> list[str]:
        """Return host names: no address with https://, no port, no path."""
        found = self.words(name, default)
        for host in found:
            if not _HOST.match(host):
                self.faults.append(
                    f"{name} has “{host}”, which is no host name: give oms.example.com, without https:// and port."
                )
        if not found:
            self.faults.append(f"{name} is empty: name the hosts that people enter in the browser.")
        return found or list(default)

    def reachable(self, name: str, default: Sequence[str] = ()) -> list[str]:
        """Return hosts with or without a port, and networks."""
        found = self.words(name, default)
        for part in found:
            host, _colon, port = part.rpartition(":") if part.count(":") == 1 else (part, "", "1")
            is_host = (
                bool(_HOST.match(host)) and bool(re.fullmatch(r"[0-9]{1,5}", port)) and 0 < int(port) < 65_536
            )
            if not (is_host or _is_network(part)):
                self.faults.append(f"{name} has “{part}”, which is no host, host:port or network.")
        return found

    def address(self, name: str, default: str) -> str:
        """Return an http or https address, without a slash at the end."""
        given = self.given(name, default).rstrip("/")
        parts = _split(given)
        if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
            self.faults.append(f"{name} is no address such as https://oms.example.com: “{given}”.")
            return default
        if parts.username or parts.password:
            self.faults.append(f"{name} has a user name or a password in it.")
            return default
        return given

    def database(self, name: str) -> dict[str, Any]:
        """Return the database of a postgres:// or sqlite:/// address; {} where it is empty."""
        given = self.text(name)
        if not given:
            return {}
        parts = _split(given)
        if (
            parts is not None
            and parts.scheme in {"postgres", "postgresql", "pgsql", "sqlite"}
            and len(parts.path) > 1
        ):
            return dict(self._env.db_url_config(given))
        self.faults.append(
            f"{name} is no address such as postgres://user:password@host:5432/name (its value is not shown)."
        )
        return {}

    def redis(self, name: str) -> str:
        """Return a redis:// address, or ""."""
        given = self.text(name)
        parts = _split(given)
        known = {"redis", "rediss", "unix"}
        if given and (parts is None or parts.scheme not in known or not (parts.hostname or parts.path)):
            self.faults.append(
                f"{name} is no address such as redis://127.0.0.1:6379/0 (its value is not shown)."
            )
            return ""
        return given

    def mail(self, name: str, default: str) -> dict[str, Any]:
        """Return the settings of a mail server."""
        given = self.given(name, default)
        parts = _split(given)
        if parts is None or parts.scheme not in self._env.EMAIL_SCHEMES:
            self.faults.append(
                f"{name} is no address such as smtp+tls://user:password@host:587 (its value is not shown)."
            )
            given = default
        return dict(self._env.email_url_config(given))

    def zone(self, name: str, default: str) -> str:
        """Return the name of a time zone."""
        given = self.given(name, default)
        try:
            ZoneInfo(given)
        except (LookupError, ValueError, OSError):
            self.faults.append(f"{name} is no time zone such as Europe/London: “{given}”.")
            return default
        return given

    def check(self) -> None:
        """Raise `ImproperlyConfigured` with one sentence for each wrong setting."""
        if self.faults:
            raise ImproperlyConfigured("\n".join(self.faults))


def _split(address: str) -> Any:
    """Return the parts of an address; None where it has a port that is none."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True
