"""The configured channels by key, from `OMS_CHANNELS` (dotted packages such as `channels.connectors.opencart`)."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from django.conf import settings

from channels.contract.carriers.spec import CarrierSpec
from channels.contract.spec import ChannelSpec

#: What is connected and is no store: it has a spec, and is in no list of channels.
SYSTEMS = (
    "channels.connectors.wms",
    "channels.connectors.house",
    "channels.connectors.sendcloud",
    "channels.connectors.royal_mail",
)


@cache
def system_specs() -> dict[str, ChannelSpec]:
    """Return the systems that are connected and are no stores, by key."""
    found = [import_module(f"{path}.channel").SPEC for path in SYSTEMS]
    return {spec.key: spec for spec in found}


@cache
def specs() -> dict[str, ChannelSpec]:
    """Return all configured channels by key, in the order of the setting."""
    found: dict[str, ChannelSpec] = {}
    for path in settings.OMS_CHANNELS:
        spec: ChannelSpec = import_module(f"{path}.channel").SPEC
        found[spec.key] = spec
    return found


def spec_for(key: str) -> ChannelSpec:
    """Return the spec of a channel or system; raises `LookupError` when it is not configured."""
    if key in system_specs():
        return system_specs()[key]
    try:
        return specs()[key]
    except KeyError:
        raise LookupError(f"The channel “{key}” is not in OMS_CHANNELS.") from None


def carrier_specs() -> dict[str, CarrierSpec]:
    """Return the carriers that an account can be connected with, by key."""
    return {key: spec for key, spec in system_specs().items() if isinstance(spec, CarrierSpec)}
