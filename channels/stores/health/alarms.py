"""Whether a store needs the attention of a person, and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from channels.http import oauth_tokens
from channels.models import Connection
from channels.workers.failures import FAULT_QUIET

MAINTENANCE_QUIET = timedelta(hours=1)  # a shop in maintenance raises no alarm before that

GRANT_NOTICE = timedelta(days=14)  # before an unused sign-in ends


def grant_ends(connection: Connection) -> datetime | None:
    """Return when the unused sign-in of a store ends; None where it does not. At most an hour early, never late."""
    days = connection.spec.grant_days if connection.state != Connection.State.DISCONNECTED else 0
    if not days:
        return None
    token = oauth_tokens.stored_token(connection)
    known = connection.credentials.get("expires_at")
    since = token.expires_at if token else None
    if since is None:
        since = datetime.fromtimestamp(float(known), UTC) if known else connection.created_at
    return since + timedelta(days=days) - timedelta(hours=2)  # an access token is valid for an hour


def grant_warning(connection: Connection) -> str:
    """Return what to do before an unused sign-in ends, from two weeks before on; "" while nothing is to be done."""
    ends = grant_ends(connection)
    if ends is None or ends - GRANT_NOTICE > timezone.now():
        return ""
    words = (
        _("The sign-in of this store is not used and ends on %(day)s. Resume the store before that day.")
        if ends > timezone.now()
        else _("The sign-in of this store was not used and ended on %(day)s. Reconnect the store.")
    )
    return words % {"day": date_format(ends, "j F Y")}


def alarm(connection: Connection) -> str:
    """Return the sentence that a person should see about this store now; "" while nothing is to be done."""
    if connection.state == Connection.State.NEEDS_SELLER:
        return connection.state_reason
    if connection.state == Connection.State.PAUSED:
        return grant_warning(connection)
    if connection.failing_since is None or connection.state != Connection.State.ACTIVE:
        return ""
    quiet = MAINTENANCE_QUIET if connection.is_in_maintenance else FAULT_QUIET
    return connection.failure if timezone.now() - connection.failing_since >= quiet else ""
