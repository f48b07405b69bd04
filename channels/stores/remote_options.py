"""Lists of the channel's own from which a store's settings are chosen: its shipping profiles, its return policies.

Read at connection and once a day, kept with the account; where they could not be read yet, the setting is typed.
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
FRESH = timedelta(days=1)
AGAIN = timedelta(hours=1)  # after a fault
PRIORITY = 40
PER_TICK = 3

Choice = tuple[str, str]


def has_lists(channel: str) -> bool:
    """Whether settings of this channel are chosen from lists that only it knows."""
    spec = specs().get(channel)
    return spec is not None and any(setting.kind == "remote" for setting in spec.settings)


def options_for(connection: Connection, setting: StoreSetting) -> list[Choice]:
    """(id, name) as read last; empty while it was never read. What the store has chosen is always among them."""
    found = [(str(key), str(name)) for key, name in _kept(connection).get("lists", {}).get(setting.name, ())]
    chosen = str(connection.option(setting.name) or "")
    if found and chosen and chosen not in dict(found):
        found.append((chosen, chosen))
    return found


def refresh(connection: Connection) -> bool:
    """Ask the channel for its lists and keep them; False when it could not be asked, and the old ones stay."""
    if not connection.pk or not has_lists(connection.channel):
        return False
    lists: dict[str, Any] | None = None
    try:
        with call_log.collecting(), rate_limit.spending(PRIORITY):
            read = runner.adapter_of(connection).pull_choices()
        lists = {name: [list(choice) for choice in rows] for name, rows in read.items()}
    except ChannelError as error:
        log.warning("lists of %s: %s %s", connection, error.message, error.detail)
    now = timezone.now().isoformat()
    with transaction.atomic():
        row = Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
        kept = {**row.account.get(KEY, {}), "tried_at": now}
        row.account[KEY] = kept if lists is None else {"lists": lists, "read_at": now, "tried_at": now}
        row.save(update_fields=["account"])
    connection.account = row.account
    return lists is not None


def sweep() -> None:
    """Each minute: read again what is older than a day, a few stores at a time."""
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


def _kept(connection: Connection) -> dict[str, Any]:
    kept: dict[str, Any] = connection.account.get(KEY) or {}
    return kept


def _is_old(connection: Connection) -> bool:
    kept, now = _kept(connection), timezone.now()
    return _before(kept.get("read_at"), now - FRESH) and _before(kept.get("tried_at"), now - AGAIN)


def _before(text: str | None, when: datetime) -> bool:
    at = parse_datetime(text) if text else None
    return at is None or at < when
