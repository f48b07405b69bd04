"""Send a message to a person's webhook, through the session of all calls: only public addresses, with a time limit.

The address is a secret of the receiving service, so no message and no log names more of it than the host.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from channels.contract.errors import ChannelError, RateLimited, Rejected, TemporaryError, Uncertain
from channels.http import ssrf
from channels.http.response import Answer
from channels.http.session import ChannelSession
from channels.models import Connection
from channels.ops.alerts.messages import Line, body_of
from channels.ops.alerts.outcomes import Outcome, failed, perhaps, retry, sent
from channels.ops.alerts.people import Person
from oms.kit.numbers import is_web_address

SECONDS: Final = 10.0  # of the whole call
TIMEOUT: Final = (3.0, 5.0)


def address_fault(url: str) -> str:
    """Return why this address cannot be a webhook, in words; "" when it can be one.

    It needs https, unless its host is one of the allowed private ones. Whether a name leads to a private address is
    checked at each call.
    """
    wrong = _("Enter a web address that begins with https://.")
    if not is_web_address(url):
        return wrong
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return wrong
    try:
        ssrf.check_literal(host, port)
    except ssrf.PrivateAddress:
        return _("This is a private address. Use a public one, or allow it in OMS_ALLOWED_PRIVATE_HOSTS.")
    return "" if parts.scheme == "https" or _is_allowed_private(host, port) else wrong


def _is_allowed_private(host: str, port: int) -> bool:
    """Whether the host is written as one of `OMS_ALLOWED_PRIVATE_HOSTS`."""
    allowed = [entry.strip().lower() for entry in settings.OMS_ALLOWED_PRIVATE_HOSTS]
    return host.lower() in allowed or f"{host.lower()}:{port}" in allowed


def send(person: Person, lines: Sequence[Line]) -> Outcome:
    """Send these alerts in one request and return the outcome. A request that was perhaps carried out is not repeated."""
    url = str(person.settings.webhook.get("url", ""))
    host = urlsplit(url).hostname or ""
    session = ChannelSession(Connection(channel="", name=host))
    body = body_of(lines, person.settings.webhook_form)
    with closing(session):
        try:
            session.call(
                "POST",
                url,
                headers={"Content-Type": "application/json"},
                body=body,
                repeatable=False,
                classify=_error,
                timeout=TIMEOUT,
                total=SECONDS,
            )
        except Uncertain:
            return perhaps(_("%s did not answer in time.") % host)
        except TemporaryError as error:
            return retry(_no_address(error, host))
        except RateLimited as error:
            return retry(_no_address(error, host))
        except ChannelError as error:
            return failed(_no_address(error, host))
    return sent()


def _no_address(error: ChannelError, host: str) -> str:
    """Return the message of an error; one that could contain the address says only that the host refused."""
    if error.code in (
        "private_address",
        "unreachable",
        "unknown_host",
        "certificate",
        "tls",
        "no_https",
        "refused",
    ):
        return error.message
    return _("%s refused the message.") % host


def _error(answer: Answer) -> ChannelError | None:
    """Return the error of an answer: any 2xx is good, everything else is a refusal."""
    if 200 <= answer.status < 300:
        return None
    host = urlsplit(answer.url).hostname or ""
    text = _("%(host)s refused the message (HTTP %(status)s).") % {"host": host, "status": answer.status}
    if answer.status == 429:
        return RateLimited(text, retry_after=60, code="refused")
    if answer.status >= 500:
        return TemporaryError(text, code="refused")
    return Rejected(text, code="refused")
