"""Every page of stores and of work, by route and name."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.sites import site

from channels.models import Connection, OutboxMessage
from oms.kit.models import Job

#: Names that lead to these pages beside Django's own.
OF_LISTS = {"jobs", "job", "job_progress", "parked"}


def pages() -> list[tuple[str, str]]:
    """(route, name) of the pages of a store and of the lists of work; Django's names for them are left out."""
    found = []
    for model in (Connection, Job, OutboxMessage):
        model_admin: Any = site._registry[model]
        for one in model_admin.get_urls():
            name = getattr(one, "name", None)
            own = model is Connection and not str(name).startswith("channels_connection_")
            if name and (own or name in OF_LISTS):
                found.append((f"{model_admin.address}{one.pattern}", name))
    return found
