"""Brands of channels that find them by name only, while somebody types (R-CAT-12).

What was found is kept for an hour, and a longer text is looked for in what a shorter one found, where that was all:
a word typed letter by letter costs a request or two of the store's budget.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.core.cache import cache

from channels.contract.errors import ChannelError
from channels.contract.spec import Capability
from channels.http import call_log, rate_limit
from channels.models import Connection
from channels.pull import runner
from channels.workers import failures

log = logging.getLogger(__name__)

LEAST = 2  # letters
KEPT = 3600  # s
PRIORITY = 40


def search(text: str) -> list[str]:
    """Names of brands that contain this text, of all stores whose channel looks them up; those that begin so first.

    A store that cannot be asked now is left out: what is typed needs no answer.
    """
    wanted = " ".join(text.split()).casefold()
    if len(wanted) < LEAST:
        return []
    found: dict[str, str] = {}
    for store in Connection.objects.active().order_by("pk"):
        is_asked = store.spec.finds_brands and store.spec.supports(Capability.PULL_BRANDS)
        if is_asked and not failures.is_blocked(store):
            found |= {name.casefold(): name for name in _of(store, wanted)}
    return sorted(found.values(), key=lambda name: (not name.casefold().startswith(wanted), name.casefold()))


def _of(store: Connection, wanted: str) -> Sequence[str]:
    for size in range(LEAST, len(wanted) + 1):
        kept: tuple[list[str], bool] | None = cache.get(_key(store, wanted[:size]))
        if kept is not None and (kept[1] or size == len(wanted)):
            return [name for name in kept[0] if wanted in name.casefold()]
    try:
        with call_log.collecting(), rate_limit.spending(PRIORITY):
            page = runner.adapter_of(store).find_brands(wanted)
    except ChannelError as error:
        log.info("brands of %s: %s", store, error.message)
        return []
    names = [record.name for record in page.records]
    cache.set(_key(store, wanted), (names, page.next_page is None), KEPT)
    return names


def _key(store: Connection, wanted: str) -> str:
    return f"brands:{store.pk}:{wanted.encode().hex()[:150]}"
