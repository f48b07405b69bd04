"""The base of the store commands: find stores, read times, work one job for each store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from channels.models import Connection, RejectedRecord, SyncRun
from channels.ops import credentials
from channels.stores.pull_jobs import CannotSync
from oms.kit.background import jobs, together
from oms.kit.management.cli import (
    COULD_NOT,
    DONE,
    REFUSALS,
    Bar,
    CouldNot,
    ManifoldCommand,
    code_of,
    database_name,
    outcome_of,
)
from oms.kit.models import Job
from oms.kit.numbers import is_whole_number

TIMEOUT = 600  # seconds for one store


def find_stores(which: str | None) -> list[Connection]:
    """Return the store with this name or number (None: every active store, and those that must be reconnected).

    Raises `CouldNot` when there is none of that name, or when no key decrypts the credentials of a store.
    """
    stores = Connection.objects.stores()
    unreadable = credentials.unreadable_stores()
    if unreadable and (which is None or which.lower() in {name.lower() for name in unreadable.values()}):
        raise CouldNot(credentials.unreadable_text(unreadable.values()))
    if which is None:
        states = [Connection.State.ACTIVE, Connection.State.NEEDS_SELLER]
        return list(stores.filter(state__in=states).order_by("name"))
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
    """A command that works one job for each store, side by side; no store waits for another, and each has a time limit."""

    exit_codes = {
        DONE: "every store is done (also with records that were rejected before)",
        REFUSALS: "records were rejected, or a store failed, must be reconnected or used up --timeout; the others are done",
        COULD_NOT: "nothing was done: wrong options, no store, or none of the stores could be worked",
    }
    result_form = (
        '{"ok": true, "stores": [{"store": "My shop", "ok": true, "state": "done", "message": "2 new, …", "done": 2, '
        '"refused": 0, "known_refused": 0}]}; state: done, failed, cancelled, timed_out, skipped, needs_reconnecting'
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--timeout",
            metavar="SECONDS",
            default=str(TIMEOUT),
            help=f"The longest time for one store (default: {TIMEOUT}). The workers continue what is left.",
        )

    def each(self, options: dict[str, Any], start: Callable[[Connection], Job]) -> tuple[int, Any]:
        """Start a job for each chosen store and work all of them in turn; return (exit code, result).

        Raises `CouldNot` without any job. A store that waits (a fault, a limit) never delays another one. A job that is not done
        after `--timeout` is left to the workers, a dry run is cancelled: either way its last sentence is the result.
        """
        seconds = timeout_of(options["timeout"])
        stores = find_stores(options["store"])
        if not stores:
            raise CouldNot(_no_store())
        entries: dict[int, dict[str, Any]] = {}
        codes: dict[int, int] = {}
        started: dict[int, tuple[Connection, Job]] = {}
        for store in stores:
            try:
                job = start(store)
            except CannotSync as error:
                if options["store"] is not None:
                    raise CouldNot(str(error)) from error
                is_sick = store.state == Connection.State.NEEDS_SELLER
                state = "needs_reconnecting" if is_sick else "skipped"
                entries[store.pk] = {"ok": not is_sick, "state": state, "message": str(error)}
                codes[store.pk] = REFUSALS if is_sick else DONE
            else:
                started[job.pk] = (store, job)
        titles = [job.title for _store, job in started.values()]
        title = titles[0] if len(titles) == 1 else _("%d stores") % len(titles)
        bar = Bar(title, shown=self.shows_bar(as_json=options["json"]))
        ended = together.work([job for _store, job in started.values()], seconds=seconds, watch=bar.show)
        bar.end()
        for turn in ended:
            store, job = started[turn.job.pk][0], turn.job
            if turn.is_timed_out and options["dry_run"]:
                jobs.cancel(job=job)
            known = known_refusals(job)
            entries[store.pk] = outcome_of(job) | {"known_refused": known}
            codes[store.pk] = DONE if code_of(job) == REFUSALS and job.refused <= known else code_of(job)
            if turn.is_timed_out:
                codes[store.pk] = REFUSALS
                entries[store.pk] |= {"state": "timed_out", "message": _timed_out(job, seconds)}
            entries[store.pk]["ok"] = codes[store.pk] == DONE
        results = [{"store": store.name, **entries[store.pk]} for store in stores]
        if all(entry["state"] in {"skipped", "needs_reconnecting"} for entry in results):
            raise CouldNot(" ".join(dict.fromkeys(str(entry["message"]) for entry in results)))
        worst = max(codes.values())
        # One store that failed is no reason to call the others failed.
        code = REFUSALS if worst == COULD_NOT and len(set(codes.values())) > 1 else worst
        return code, {"ok": code == DONE, "stores": results}

    def say(self, result: Any) -> None:
        for entry in result["stores"]:
            self.stdout.write(f"{entry['store']}: {entry['message'] or entry['state']}")
            for line in entry.get("plan", []):
                why = f" ({line['why']})" if line["why"] else ""
                self.stdout.write(f"  {line['what']}: {line['old']} -> {line['new']}{why}")


def timeout_of(text: str) -> float:
    """Return the seconds of `--timeout`. Raises `CouldNot` unless it is a whole number from 1 to a day."""
    if not is_whole_number(text) or not 1 <= int(text) <= 86_400:
        raise CouldNot(f"--timeout {text} is no number of seconds from 1 to 86400.")
    return float(text)


def known_refusals(job: Job) -> int:
    """Return how many records that this job's run refused were refused before it: people know of them already."""
    run = SyncRun.objects.filter(pk=job.result.get("run") or 0).first()
    if run is None or not run.refused:
        return 0
    again = RejectedRecord.objects.filter(
        connection_id=run.connection_id,
        stream=run.stream,
        first_seen_at__lt=run.started_at,
        last_seen_at__gte=run.started_at,
    )
    return min(again.count(), run.refused)


def _timed_out(job: Job, seconds: float) -> str:
    words = (
        _("Not done after %(seconds)d s; cancelled.")
        if job.params.get("dry_run")
        else _("Not done after %(seconds)d s; the workers continue it.")
    )
    return f"{job.message} {words % {'seconds': seconds}}".strip()


def _no_store() -> str:
    if Connection.objects.stores().exists():
        return "No store is active. Resume or reconnect one on its page, or name one with --store."
    return f"No store is connected in {database_name()}: run `manage.py connect_store` first."
