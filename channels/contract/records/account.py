"""The account of a store, and one webhook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """The account that the credentials open; `identity` is the channel's own account identity (R-CONN-07)."""

    identity: str
    name: str
    url: str
    currency: str
    time_zone: str
    country: str = ""
    language: str = ""
    version: str = ""
    currencies: tuple[str, ...] = ()
    product_count: int | None = None
    order_count: int | None = None
    offered: Mapping[str, str] = field(
        default_factory=dict
    )  # capability -> the reason why this account lacks it
    warnings: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WebhookRecord:
    """A verified webhook: the stream and the record that it is about."""

    event_id: str
    topic: str
    stream: str
    external_id: str = ""
