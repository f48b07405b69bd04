"""Signed calls to the address of a warehouse system (Standard Webhooks)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from channels.contract.errors import AuthError, ChannelError, Rejected
from channels.contract.translation import gettext as _
from channels.http.response import default_error
from oms.kit.api import signatures

if TYPE_CHECKING:
    from channels.http.response import Answer
    from channels.http.session import ChannelSession
    from channels.models import Connection

TIMEOUT = 15.0  # seconds; without an answer by then the call is sent again


def classify(answer: Answer, label: str) -> ChannelError | None:
    """Return the error of an answer: every 2xx is taken, 410 switches the address off."""
    if answer.status == 410:
        return AuthError(
            _("%s wants no more calls (HTTP 410). Check its address, then save its settings.") % label,
            detail="HTTP 410",
            code="410",
        )
    if 300 <= answer.status < 400:
        return Rejected(_("%s redirects. Enter its final address.") % label, code=str(answer.status))
    return default_error(answer, label)


class WmsClient:
    """Calls to one warehouse system."""

    def __init__(self, connection: Connection, session: ChannelSession) -> None:
        self.connection, self.session = connection, session

    def send(self, ref: str, body: Mapping[str, Any]) -> None:
        """Send one call. It may be repeated: the WMS knows it by its `webhook-id`."""
        raw = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        secret = str(self.connection.credentials.get("secret", ""))
        try:
            signed = signatures.headers_for(secret, ref, raw)
        except ValueError as error:
            raise AuthError(_("%s has no valid secret. Enter it again.") % self.connection.name) from error
        self.session.call(
            "POST",
            str(self.connection.credentials.get("url", "")),
            headers={"Content-Type": "application/json", **signed},
            body=raw,
            repeatable=True,
            classify=lambda answer: classify(answer, self.connection.name),
            timeout=(5, TIMEOUT),
            total=TIMEOUT,
        )
