"""Sessions in the database that know their user, so that a person can see and end them (`SESSION_ENGINE`)."""

from __future__ import annotations

from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

from oms.kit.models import UserSession

#: Keys that the middleware keeps in the session: when it was last used, from where, with what.
SEEN, ADDRESS, BROWSER = "seen", "address", "browser"
#: Whether the person must set up a second factor before anything else.
MUST_SET_UP = "must_set_up"


class SessionStore(DatabaseStore):
    """Django's database sessions, with user, address, browser and time of last use as columns."""

    cache_key_prefix = "oms.accounts.sessions"

    @classmethod
    def get_model_class(cls) -> type[UserSession]:
        return UserSession

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        row: Any = super().create_model_instance(data)
        row.user_id = int(data["_auth_user_id"]) if data.get("_auth_user_id") else None
        row.address, row.browser = str(data.get(ADDRESS, ""))[:45], str(data.get(BROWSER, ""))[:200]
        return row


def end_sessions(user_id: int, *, keep: str = "", only: str = "") -> int:
    """End the sessions of a person: all but `keep`, or `only` this one (keys); return how many."""
    rows = UserSession.objects.filter(user_id=user_id).exclude(session_key=keep)
    return (rows.filter(session_key=only) if only else rows).delete()[0]
