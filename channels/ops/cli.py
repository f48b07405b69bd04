"""The base of the store commands: find stores, read times, work one job for each store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from channels.models import Connection
from channels.stores.pull_jobs import CannotSync
from oms.kit.management.cli import COULD_NOT, DONE, REFUSALS, CouldNot, ManifoldCommand, code_of, outcome_of
from oms.kit.models import Job
from oms.kit.numbers import is_whole_number


def find_stores(which: str | None) -> list[Connection]:
    """Return the store with this name or number (None: every active store). Raises `CouldNot` when there is none."""
    stores = Connection.objects.stores()
    if which is None:
        return list(stores.active().order_by("name"))
    found = stores.filter(name=which).first() or stores.filter(name__iexact=which).first()
    if found is None and is_whole_number(which):
        found = stores.filter(pk=int(which)).first()
    if found is None:
        names = ", ".join(stores.order_by("name").values_list("name", flat=True)[:20]) or "none"
        raise CouldNot(f"No store “{which}”. Stores: {names}.")
    return [found]


def read_time(text: str | None, store: Connection, *, is_end: bool = False) -> datetime | None:
    """Return a day or an instant as a time; without a zone it is in the store's zone. `is_end`: the end of the day.

    Raises `CouldNot` for another text.
    """
    if not text:
        return None
    zone = ZoneInfo(store.time_zone or "UTC")
    try:
        instant = parse_datetime(text) if len(text) > 10 else None
        day = parse_date(text) if instant is None else None
    except ValueError:
        instant = day = None
    if instant is not None:
        return instant if timezone.is_aware(instant) else instant.replace(tzinfo=zone)
    if day is None:
        raise CouldNot(f"“{text}” is not a date. Use 2026-11-30 or 2026-11-30T14:00.")
    return datetime.combine(day, time.max if is_end else time.min, tzinfo=zone)


class StoreCommand(ManifoldCommand):
    """A command that works one job for each store; its exit code is the worst of them."""

    def each(self, options: dict[str, Any], start: Callable[[Connection], Job]) -> tuple[int, Any]:
        """Start and work a job for each chosen store; return (exit code, result). Raises `CouldNot` without any job."""
        stores = find_stores(options["store"])
        if not stores:
            raise CouldNot("No store is connected: run `manage.py connect_store` first.")
        results, codes = [], []
        for store in stores:
            try:
                job = start(store)
            except CannotSync as error:
                if options["store"] is not None:
                    raise CouldNot(str(error)) from error
                results.append({"store": store.name, "ok": True, "state": "skipped", "message": str(error)})
                codes.append(DONE)
                continue
            job = self.work(job, as_json=options["json"])
            results.append({"store": store.name, **outcome_of(job)})
            codes.append(code_of(job))
        if all(entry["state"] == "skipped" for entry in results):
            raise CouldNot(" ".join(dict.fromkeys(str(entry["message"]) for entry in results)))
        code = COULD_NOT if COULD_NOT in codes else REFUSALS if REFUSALS in codes else DONE
        return code, {"ok": code == DONE, "stores": results}

    def say(self, result: Any) -> None:
        for entry in result["stores"]:
            self.stdout.write(f"{entry['store']}: {entry['message'] or entry['state']}")
            for line in entry.get("plan", []):
                why = f" ({line['why']})" if line["why"] else ""
                self.stdout.write(f"  {line['what']}: {line['old']} -> {line['new']}{why}")
