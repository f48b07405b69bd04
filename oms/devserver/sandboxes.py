"""What a sandbox gives to the processes around it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from django.conf import settings

#: Carriers that have a sandbox.
CARRIER_SANDBOXES = ("channels.connectors.sendcloud", "channels.connectors.royal_mail")


def sandbox_settings(key: str, url: str) -> dict[str, str]:
    """The application at a channel where sellers sign in, as its sandbox plays it."""
    paths = (*settings.OMS_CHANNELS, *CARRIER_SANDBOXES)
    path = next(path for path in paths if path.rpartition(".")[2] == key)
    environment: Callable[[str], dict[str, str]] | None = getattr(
        import_module(f"{path}.sandbox"), "environment", None
    )
    return environment(url) if environment else {}
