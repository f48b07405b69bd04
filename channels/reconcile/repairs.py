"""Repair differences: single ones, all of a part, or by the rules of a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from channels.models import Connection, Difference
from channels.reconcile import differences, parts
from channels.reconcile.parts import KEEP, Part
from oms.kit.authors import audit
from oms.kit.authors.actors import SYSTEM, Author, person
from oms.kit.background import jobs
from oms.kit.models import Job

JOB = "channels.repair"
#: Differences that are repaired in one transaction.
BATCH = 200
#: Where a store's rules are stored: "<part>.<kind>" -> repair.
OPTION = "reconcile_rules"


class CannotRepair(Exception):
    """This repair is not possible; the text says why."""


def usable(connection: Connection, part: Part, how: str) -> frozenset[str]:
    """Return the kinds that a repair of a part is for. Raises `CannotRepair` for another one, or with the channel's reason."""
    if how == KEEP:
        return frozenset({parts.Kind.MISSING_HERE, parts.Kind.MISSING_THERE, parts.Kind.DIFFERS})
    found = next((one for one in part.repairs if one.key == how), None)
    if found is None:
        raise CannotRepair(_("Choose one of the repairs of this page."))
    if reason := found.off(connection):
        raise CannotRepair(reason)
    return found.kinds


def repair(
    connection: Connection, rows: Sequence[Difference], how: str, *, by: Author
) -> tuple[int, list[str]]:
    """Repair open differences of one part; return how many, and a sentence for each that was refused.

    Raises `CannotRepair` when the channel or the part has no such repair. A row that is closed meanwhile is left out.
    """
    if not rows:
        return 0, []
    part = parts.part_of(rows[0].part)
    if part is None:
        raise CannotRepair(_("Choose one of the repairs of this page."))
    kinds = usable(connection, part, how)
    refused: list[str] = []
    with transaction.atomic():
        locked = Difference.objects.select_for_update(of=("self",)).filter(
            pk__in=[row.pk for row in rows], connection=connection, part=part.key, closed_at=None
        )
        chosen = list(locked.order_by("pk"))
        fitting = [row for row in chosen if row.kind in kinds]
        refused += [
            _("%(name)s: this repair is not for “%(kind)s”.") % {"name": row, "kind": row.get_kind_display()}
            for row in chosen
            if row.kind not in kinds
        ]
        if how != KEEP and fitting:
            refused += part.repair(connection, fitting, how, by)
        ended = Difference.End.KEPT if how == KEEP else Difference.End.REPAIRED
        done = differences.close(fitting, ended, by=by)
        audit.record_many(
            "difference.kept" if how == KEEP else "difference.repaired",
            [(row, {row.field or "store": (row.theirs, row.ours)}) for row in fitting],
            by=by,
            store=connection.pk,
        )
    return done, refused


def repair_all(connection: Connection, part: Part, how: str, *, by: Author, kind: str = "") -> Job:
    """Start a job that repairs all open differences of a part this way. Raises `CannotRepair`."""
    usable(connection, part, how)
    return jobs.start(
        kind=JOB,
        title=_("Repair: %(part)s of %(store)s") % {"part": part.title, "store": connection.name},
        subject_kind="connection",
        subject_id=connection.pk,
        params={"part": part.key, "how": how, "kind": kind},
        author=by,
    )


def step(job: Job) -> bool:
    """Repair the next batch (the step of jobs of this kind)."""
    connection = Connection.objects.get(pk=job.subject_id or 0)
    by = person(job.author) if job.author is not None else SYSTEM
    params: Mapping[str, Any] = job.params
    done, refused, last = repair_batch(
        connection,
        params["part"],
        params["how"],
        kind=params["kind"],
        after=int(job.data.get("after", 0)),
        by=by,
    )
    job.done += done
    job.refused += len(refused)
    job.data["after"] = last or 0
    job.message = refused[0][:500] if refused else job.message
    return last is not None


def repair_batch(
    connection: Connection, part_key: str, how: str, *, kind: str = "", after: int = 0, by: Author
) -> tuple[int, list[str], int | None]:
    """Repair at most `BATCH` open differences after a key; return how many, what was refused, the last key (None: the end)."""
    part = parts.part_of(part_key)
    if part is None:
        return 0, [], None
    kinds = usable(connection, part, how)
    rows = Difference.objects.filter(
        connection=connection,
        part=part_key,
        closed_at=None,
        kind__in=[kind] if kind in kinds else sorted(kinds) if not kind else [],
        pk__gt=after,
    )
    found = list(rows.order_by("pk")[:BATCH])
    if not found:
        return 0, [], None
    done, refused = repair(connection, found, how, by=by)
    return done, refused, found[-1].pk


def rules_of(connection: Connection) -> dict[str, str]:
    """Return the rules of a store: "<part>.<kind>" -> the repair that is done by itself."""
    found = connection.options.get(OPTION)
    return {str(key): str(how) for key, how in found.items()} if isinstance(found, dict) else {}


def set_rules(connection: Connection, rules: Mapping[str, str], *, by: Author) -> None:
    """Store the rules of a store. Raises `CannotRepair` for a repair that its channel does not have."""
    clean = {}
    for name, how in rules.items():
        part_key, _dot, kind = name.partition(".")
        part = parts.part_of(part_key)
        if not how or part is None:
            continue
        if kind not in usable(connection, part, how):
            raise CannotRepair(_("Choose one of the repairs of this page."))
        clean[name] = how
    with transaction.atomic():
        row = Connection.objects.select_for_update(of=("self",), no_key=True).get(pk=connection.pk)
        with audit.watch(row, "options", what="store.reconcile_rules", by=by):
            row.options = {**row.options, OPTION: clean}
            row.save(update_fields=["options"])
    connection.options = row.options


def apply_rules(connection: Connection) -> int:
    """Repair by the rules of a store; return how many differences. A rule that is not possible any more does nothing."""
    done = 0
    for name, how in rules_of(connection).items():
        part_key, _dot, kind = name.partition(".")
        after: int | None = 0
        while after is not None:
            try:
                count, _refused, after = repair_batch(
                    connection, part_key, how, kind=kind, after=after, by=SYSTEM
                )
            except CannotRepair:
                break
            done += count
    return done
