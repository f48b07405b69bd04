"""When the state of a store is worth a person's attention."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from channels.http import oauth_tokens
from channels.models import Connection
from channels.workers.failures import FAULT_QUIET

QUIET = timedelta(hours=1)  # a shop in maintenance raises no alarm before that

GRANT_NOTICE = timedelta(days=14)  # before a sign-in dies of disuse


def grant_ends(connection: Connection) -> datetime | None:
    """When the sign-in of a store that is not used dies; None where it does not. An hour early, never late."""
    days = connection.spec.grant_days if connection.state != Connection.State.DISCONNECTED else 0
    if not days:
        return None
    token = oauth_tokens.stored_token(connection)
    known = connection.credentials.get("expires_at")
    since = token.expires_at if token else None
    if since is None:
        since = datetime.fromtimestamp(float(known), UTC) if known else connection.created_at
    return since + timedelta(days=days) - timedelta(hours=2)  # an access token lives for an hour


def grant_warning(connection: Connection) -> str:
    """What to do before an unused sign-in dies, from two weeks before on; '' while nobody need act."""
    ends = grant_ends(connection)
    if ends is None or ends - GRANT_NOTICE > timezone.now():
        return ""
    words = (
        _("The sign-in of this store ends on %(day)s, because it is not used: resume the store before.")
        if ends > timezone.now()
        else _(
            "The sign-in of this store has ended on %(day)s, because it was not used: reconnect the store."
        )
    )
    return words % {"day": date_format(ends, "j F Y")}


def alarm(connection: Connection) -> str:
    """The sentence that a person should see about this store now; '' while nobody need act."""
    if connection.state == Connection.State.NEEDS_SELLER:
        return connection.state_reason
    if connection.state == Connection.State.PAUSED:
        return grant_warning(connection)
    if connection.failing_since is None or connection.state != Connection.State.ACTIVE:
        return ""
    quiet = QUIET if connection.is_in_maintenance else FAULT_QUIET
    return connection.failure if timezone.now() - connection.failing_since >= quiet else ""
