"""Lists of a channel from which a store's settings are chosen, such as shipping profiles and return policies.

They are imported at connection and once a day, and stored in `Connection.account`. While a list was not imported
yet, the setting is a text field.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from channels.contract.errors import ChannelError
from channels.contract.registry import specs
from channels.contract.spec import StoreSetting
from channels.http import call_log, rate_limit
from channels.models import Connection
from channels.pull import runner
from channels.workers import failures

log = logging.getLogger(__name__)

KEY = "choices"  # in `Connection.account`
IMPORTED_EVERY = timedelta(days=1)
RETRIED_AFTER = timedelta(hours=1)  # after a fault
PRIORITY = 40
PER_TICK = 3

Choice = tuple[str, str]


def has_lists(channel: str) -> bool:
    """Whether settings of this channel are chosen from lists that the channel has."""
    spec = specs().get(channel)
    return spec is not None and any(setting.kind == "remote" for setting in spec.settings)


def options_for(connection: Connection, setting: StoreSetting) -> list[Choice]:
    """Return the choices (id, name) as imported last, with the store's own choice; empty while none were imported."""
    found = [
        (str(key), str(name)) for key, name in _stored(connection).get("lists", {}).get(setting.name, ())
    ]
    chosen = str(connection.option(setting.name) or "")
    if found and chosen and chosen not in dict(found):
        found.append((chosen, chosen))
    return found


def refresh(connection: Connection) -> bool:
    """Import the channel's lists and store them; return False when that failed: the old lists stay then."""
    if not connection.pk or not has_lists(connection.channel):
        return False
    lists: dict[str, Any] | None = None
    try:
        with call_log.collecting(), rate_limit.spending(PRIORITY):
            imported = runner.adapter_of(connection).pull_choices()
        lists = {name: [list(choice) for choice in rows] for name, rows in imported.items()}
    except ChannelError as error:
        log.warning("lists of %s: %s %s", connection, error.message, error.detail)
    now = timezone.now().isoformat()
    with transaction.atomic():
        row = Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
        tried = {**row.account.get(KEY, {}), "tried_at": now}
        row.account[KEY] = tried if lists is None else {"lists": lists, "read_at": now, "tried_at": now}
        row.save(update_fields=["account"])
    connection.account = row.account
    return lists is not None


def sweep() -> None:
    """Import lists again that are older than a day, at most 3 stores a minute.

    It is not repeated at once: a store that does not answer keeps its old lists.
    """
    channels = [key for key in specs() if has_lists(key)]
    if not channels:
        return
    stores = [
        store
        for store in Connection.objects.active().filter(channel__in=channels).order_by("pk")
        if _is_old(store) and not failures.is_blocked(store)
    ]
    for store in stores[:PER_TICK]:
        refresh(store)


def _stored(connection: Connection) -> dict[str, Any]:
    stored: dict[str, Any] = connection.account.get(KEY) or {}
    return stored


def _is_old(connection: Connection) -> bool:
    stored, now = _stored(connection), timezone.now()
    return _before(stored.get("read_at"), now - IMPORTED_EVERY) and _before(
        stored.get("tried_at"), now - RETRIED_AFTER
    )


def _before(text: str | None, when: datetime) -> bool:
    at = parse_datetime(text) if text else None
    return at is None or at < when
