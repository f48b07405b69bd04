"""The jobs that apply checked rows and that undo them. A row is written exactly once, however often a worker is killed.

Each chunk is one transaction: the writes of the parts, the state of its rows, and the position of the job. The job's row is
written first, so a worker that lost its lease cannot store anything. When a chunk is refused it is halved until the row
that cannot be applied is alone; the others are applied.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import OperationalError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from oms.kit.authors.actors import Author, acting
from oms.kit.background import jobs
from oms.kit.bulk import set_to
from oms.kit.imports import kinds, results, services, source
from oms.kit.imports.checking import summary
from oms.kit.imports.kinds import ImportKind, RowsRefused, Session
from oms.kit.imports.models import ChangeSet, SheetImport, StagedRow
from oms.kit.models import Job
from oms.kit.numbers import grouped

SECONDS = 40
TRIES = 3  # of a chunk that met a deadlock
State = SheetImport.State
RowState = StagedRow.State
Action = StagedRow.Action


def apply(job: Job) -> bool:
    """Apply one slice of a confirmed import; return whether rows are left."""
    row = SheetImport.objects.get(pk=job.params["import"])
    if row.state != State.APPLYING or row.job_id != job.pk:
        raise jobs.JobFailed(_("The import was cancelled or started again."))
    with override(row.language or None), acting(row.by):
        try:
            writer = Writer(job, row, row.by, undo=False)
            if row.all_or_nothing:
                _apply_whole(writer)
            elif writer.work():
                return True
            return _applied(job, row)
        except jobs.LeaseLost:
            raise
        except jobs.JobCancelled:
            _close(row, State.CANCELLED, "")
            raise
        except jobs.JobFailed as failed:
            _close(row, State.FAILED, str(failed))
            raise


def undo(job: Job) -> bool:
    """Undo one slice of an import; return whether rows are left."""
    row = SheetImport.objects.get(pk=job.params["import"])
    change_set = ChangeSet.objects.get(sheet_import=row)
    by = Author(change_set.undone_actor_kind, change_set.undone_by_id, change_set.undone_actor)
    with override(row.language or None), acting(by):
        try:
            if Writer(job, row, by, undo=True).work():
                return True
        except jobs.LeaseLost:
            raise
        except jobs.JobCancelled:
            _undone(job, row)
            raise
        return _undone(job, row)


class Writer:
    """Writes the rows of one import, chunk by chunk."""

    def __init__(self, job: Job, row: SheetImport, by: Author, *, undo: bool) -> None:
        self.job, self.row, self.undo = job, row, undo
        self.kind: ImportKind = kinds.get(row.kind)
        self.session: Session = source.session_of(row)
        self.session.by = by
        self.wanted = RowState.APPLIED if undo else RowState.STAGED
        self.done_state = RowState.UNDONE if undo else RowState.APPLIED
        self.refused_state = RowState.KEPT if undo else RowState.REFUSED

    def work(self) -> bool:
        """Write chunks for one slice; return whether more are left."""
        started = time.monotonic()
        while rows := self.next_rows():
            self.write(rows)
            if time.monotonic() - started > SECONDS:
                return True
        return False

    def left(self) -> Any:
        """Return the rows that are still to be written."""
        return self.row.staged.filter(state=self.wanted, action__in=[Action.CREATED, Action.UPDATED])

    def next_rows(self) -> list[StagedRow]:
        """Return the rows of the next chunk; what was written last is undone first."""
        left = self.left()
        order = "-chunk" if self.undo else "chunk"
        number = left.order_by(order).values_list("chunk", flat=True).first()
        return [] if number is None else list(left.filter(chunk=number).order_by("row", "part"))

    def write(self, rows: Sequence[StagedRow]) -> None:
        """Write a chunk in one transaction; a chunk that is refused is halved."""
        for attempt in range(1, TRIES + 1):
            try:
                with transaction.atomic():
                    jobs.report_or_stop(self.job)
                    refusals = self.write_rows(rows)
                    self.note(rows, refusals)
                return
            except RowsRefused as refused:
                groups = _groups(rows)
                if len(groups) > 1:
                    half = len(groups) // 2
                    self.write([one for group in groups[:half] for one in group])
                    self.write([one for group in groups[half:] for one in group])
                    return
                with transaction.atomic():
                    jobs.report_or_stop(self.job)
                    self.note(rows, {one.pk: str(refused) for one in rows})
                return
            except (
                OperationalError
            ):  # a deadlock, or a busy SQLite file: the next try can write the same rows
                if attempt == TRIES:
                    raise
                time.sleep(0.2 * attempt)

    def write_rows(self, rows: Sequence[StagedRow]) -> dict[int, str]:
        """Verify rows with every part, then write those that none refused; return the refusals by key."""
        parts = list(reversed(self.kind.parts)) if self.undo else self.kind.parts
        refusals: dict[int, str] = {}
        for part in self.kind.parts:
            refusals |= part.verify(
                [one for one in rows if one.pk not in refusals], self.session, undo=self.undo
            )
        good = [one for one in rows if one.pk not in refusals]
        if good:
            for part in parts:
                (part.undo if self.undo else part.apply)(good, self.session)
        return refusals

    def note(self, rows: Sequence[StagedRow], refusals: Mapping[int, str]) -> None:
        """Store the state of written rows, and the position of the job, in the transaction of the writes."""
        states = {
            one.pk: (
                str(self.refused_state if one.pk in refusals else self.done_state),
                refusals.get(one.pk, "")[:500],
                one.subject_id,
            )
            for one in rows
        }
        set_to(StagedRow, ("state", "reason", "subject_id"), states)
        jobs.report_or_stop(
            self.job, done=self.job.done + len(rows), refused=self.job.refused + len(refusals)
        )


def _groups(rows: Sequence[StagedRow]) -> list[list[StagedRow]]:
    """Return rows that must be written together, such as the variants of one product, as lists."""
    found: dict[Any, list[StagedRow]] = {}
    for one in rows:
        found.setdefault(one.data.get("together") or one.pk, []).append(one)
    return list(found.values())


class _Whole(Exception):
    """A row of a file that must be applied as a whole was refused."""


def _apply_whole(writer: Writer) -> None:
    """Apply all rows in one transaction; raise `JobFailed` with the first refusal when one cannot be applied."""
    done = writer.job.done
    try:
        with transaction.atomic():
            jobs.report_or_stop(writer.job)
            while rows := writer.next_rows():
                try:
                    refusals = writer.write_rows(rows)
                except RowsRefused as refused:
                    raise _Whole(str(refused)) from None
                if refusals:
                    first = next(one for one in rows if one.pk in refusals)
                    raise _Whole(
                        _("Row %(row)d: %(reason)s") % {"row": first.row, "reason": refusals[first.pk]}
                    )
                writer.note(rows, {})
    except _Whole as refused:
        writer.job.done = done
        raise jobs.JobFailed(
            _("Nothing was applied, because one row cannot be applied. %s") % refused
        ) from None


def _applied(job: Job, row: SheetImport) -> bool:
    """Store the result of an import whose rows are all written."""
    services.recount(row)
    reading = source.read(row, kinds.get(row.kind))
    results.write(row, reading)
    source.forget()
    job.result = {**row.counts, "import": row.pk}
    job.refused = row.count("rejected")
    job.message = summary(row.counts)
    with transaction.atomic():
        jobs.report_or_stop(job)
        row.state, row.message = State.DONE, ""
        row.save(update_fields=["state", "message", "counts"])
    return False


def _close(row: SheetImport, state: str, message: str) -> None:
    """Store why an import ended before its last row; what was applied can be undone."""
    services.recount(row)
    SheetImport.objects.filter(pk=row.pk, state=State.APPLYING).update(
        state=state, message=message[:500], counts=row.counts
    )


def _undone(job: Job, row: SheetImport) -> bool:
    """Store the result of undoing: all rows undone, or some not."""
    kept = row.staged.filter(state__in=[RowState.KEPT, RowState.APPLIED]).count()
    undone = row.staged.filter(state=RowState.UNDONE).count()
    state = ChangeSet.State.PARTLY if kept else ChangeSet.State.UNDONE
    if not undone:
        state = ChangeSet.State.APPLIED
    ChangeSet.objects.filter(sheet_import=row).update(state=state, undone_at=timezone.now())
    job.result = {"undone": undone, "kept": kept}
    job.message = _("%(undone)s rows undone, %(kept)s not.") % {
        "undone": grouped(undone),
        "kept": grouped(kept),
    }
    return False
