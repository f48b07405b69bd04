"""Search for brands of channels that find them by name only, while a person types (R-CAT-12).

Results are cached for an hour. A longer text is searched in the cached results of a shorter one, if those were
complete: a word that is typed letter by letter costs one or two requests of the store's API limit.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.core.cache import cache

from channels.contract.errors import ChannelError
from channels.contract.record_limits import clean_records
from channels.contract.spec import Capability
from channels.http import call_log, rate_limit
from channels.models import Connection
from channels.pull import runner
from channels.workers import failures

log = logging.getLogger(__name__)

SHORTEST = 2  # letters
CACHED_FOR = 3600  # seconds
PRIORITY = 40


def search(text: str) -> list[str]:
    """Return names of brands that contain this text, of all stores whose channel finds brands by name.

    Names that begin with the text are first. A store that cannot be asked now is left out. Under 2 letters: empty.
    """
    wanted = " ".join(text.split()).casefold()
    if len(wanted) < SHORTEST:
        return []
    found: dict[str, str] = {}
    for store in Connection.objects.active().order_by("pk"):
        is_asked = store.spec.finds_brands and store.spec.supports(Capability.PULL_BRANDS)
        if is_asked and not failures.is_blocked(store):
            found |= {name.casefold(): name for name in _of(store, wanted)}
    return sorted(found.values(), key=lambda name: (not name.casefold().startswith(wanted), name.casefold()))


def _of(store: Connection, wanted: str) -> Sequence[str]:
    for size in range(SHORTEST, len(wanted) + 1):
        cached: tuple[list[str], bool] | None = cache.get(_key(store, wanted[:size]))
        if cached is not None and (cached[1] or size == len(wanted)):
            return [name for name in cached[0] if wanted in name.casefold()]
    try:
        with call_log.collecting(), rate_limit.spending(PRIORITY):
            page = runner.adapter_of(store).find_brands(wanted)
    except ChannelError as error:
        log.info("brands of %s: %s", store, error.message)
        return []
    names = [record.name for record in clean_records(page.records) if record.name]
    cache.set(_key(store, wanted), (names, page.next_page is None), CACHED_FOR)
    return names


def _key(store: Connection, wanted: str) -> str:
    return f"brands:{store.pk}:{wanted.encode().hex()[:150]}"
