"""The configured channels by key, from `OMS_CHANNELS` (dotted packages such as `channels.connectors.opencart`)."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from django.conf import settings

from channels.contract.spec import ChannelSpec


@cache
def specs() -> dict[str, ChannelSpec]:
    """Return all configured channels by key, in the order of the setting."""
    found: dict[str, ChannelSpec] = {}
    for path in settings.OMS_CHANNELS:
        spec: ChannelSpec = import_module(f"{path}.channel").SPEC
        found[spec.key] = spec
    return found


def spec_for(key: str) -> ChannelSpec:
    """Return the spec of a channel; raises `LookupError` when it is not configured."""
    try:
        return specs()[key]
    except KeyError:
        raise LookupError(f"The channel “{key}” is not in OMS_CHANNELS.") from None
