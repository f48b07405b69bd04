"""The job that checks a file: every row becomes a checked row with what it will change, or with the reason why it cannot.

It writes nothing but checked rows. Each chunk is stored in one transaction together with the position of the job, so a
killed worker repeats at most the chunk that was lost.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from oms.kit.authors.actors import acting
from oms.kit.background import jobs
from oms.kit.bulk import insert, make
from oms.kit.imports import files, kinds, mappings, results, source
from oms.kit.imports.kinds import GUESSED, PRICE_HALVED, ZEROED, Draft, ImportKind, Session
from oms.kit.imports.models import SheetImport, StagedRow
from oms.kit.imports.services import ZEROED_SHARE
from oms.kit.models import Job
from oms.kit.numbers import grouped
from oms.kit.sheets.records import Reading, Remark, SheetError, SheetRecord

SECONDS = 40  # length of one slice
SHOWN_NOTES = 50
Action = StagedRow.Action
State = SheetImport.State


def work(job: Job) -> bool:
    """Check one slice of a file; return whether more rows are left."""
    row = SheetImport.objects.get(pk=job.params["import"])
    if row.state != State.CHECKING or row.job_id != job.pk:
        raise jobs.JobFailed(_("The import was cancelled or started again."))
    try:
        with override(row.language or None), acting(row.by):
            return _work(job, row)
    except (SheetError, jobs.JobFailed) as error:
        _end(row, State.FAILED, str(error))
        raise jobs.JobFailed(str(error)) from None
    except jobs.LeaseLost:
        raise
    except jobs.JobCancelled:
        _end(row, State.CANCELLED, "")
        raise


def _end(row: SheetImport, state: str, message: str) -> None:
    source.forget()
    SheetImport.objects.filter(pk=row.pk, state=State.CHECKING).update(state=state, message=message[:500])


def _work(job: Job, row: SheetImport) -> bool:
    kind = kinds.get(row.kind)
    if not files.path_of(row.stored_as).is_file():
        raise jobs.JobFailed(_("The file was deleted. Upload it again."))
    if "chunk" not in job.data and source.place(row, kind):
        row.save(update_fields=["mapping", "sheet", "header_row"])
    reading = source.read(row, kind)
    if "chunk" not in job.data:
        _begin(job, row, kind, reading)
    checker = Checker(row, kind, reading)
    parts = source.chunks(source.real_records(reading, kind), kind)
    started = time.monotonic()
    while job.data["chunk"] < len(parts):
        number = int(job.data["chunk"])
        staged = checker.staged(parts[number], number)
        with transaction.atomic():
            data = {**job.data, "chunk": number + 1, **_added(job.data, staged, len(parts[number]))}
            jobs.report_or_stop(job, done=job.done + len(parts[number]), data=data)
            insert(staged, keys=False)
        if time.monotonic() - started > SECONDS:
            return True
    return _finish(job, row, reading)


def _begin(job: Job, row: SheetImport, kind: ImportKind, reading: Reading) -> None:
    """Store what the file is, and the rows that the reader rejected; an earlier check is dropped."""
    if row.mapping and (wrong := mappings.fault_in(kind, row.mapping)):
        raise jobs.JobFailed(wrong)
    refused = _refused(reading)
    row.reading = {
        "recognised_as": reading.recognised_as,
        "sheet": reading.sheet,
        "header_row": reading.header_row,
        "encoding": reading.encoding,
        "separator": reading.separator,
        "headers": list(reading.headers),
        "mapping": dict(reading.mapping),
        "unknown": list(reading.unknown_headers),
        "rows": reading.data_rows,
        "notes": [*_not_stored(kind, reading), *map(str, reading.notes[:SHOWN_NOTES])],
        "guesses": dict(reading.guesses),
        "ignored": [[one.row, one.reason] for one in reading.ignored[:SHOWN_NOTES]],
        "ignored_count": len(reading.ignored),
    }
    with transaction.atomic():
        data = {"chunk": 0, "counts": {"rejected": len(refused)}, "flags": {}}
        jobs.report_or_stop(job, total=len(source.real_records(reading, kind)), done=0, data=data)
        row.staged.all().delete()
        row.save(update_fields=["reading"])
        insert([_rejected(row, number, remarks) for number, remarks in refused.items()], keys=False)


def _not_stored(kind: ImportKind, reading: Reading) -> list[str]:
    """Return the note about columns that are read and have no place in Manifold."""
    names = [heading for heading, key in reading.mapping.items() if key in kind.not_stored]
    return [_("These columns are not imported: %s.") % ", ".join(names)] if names else []


def _refused(reading: Reading) -> dict[int, list[Remark]]:
    found: dict[int, list[Remark]] = {}
    for remark in reading.refused:
        found.setdefault(remark.row, []).append(remark)
    return found


def _rejected(row: SheetImport, number: int, remarks: Iterable[Remark]) -> StagedRow:
    return make(
        StagedRow,
        sheet_import_id=row.pk,
        row=number,
        action=Action.REJECTED,
        remarks=[[one.column, one.code, str(one.reason)] for one in remarks],
    )


class Checker:
    """Checks chunks of records with the parts of their kind."""

    def __init__(self, row: SheetImport, kind: ImportKind, reading: Reading) -> None:
        self.row, self.kind = row, kind
        self.session: Session = source.session_of(row)
        self.headings = {key: heading for heading, key in reading.mapping.items() if key}
        self.refused = {remark.row for remark in reading.refused}

    def staged(self, records: Sequence[SheetRecord], number: int) -> list[StagedRow]:
        """Return the checked rows of one chunk; unchanged rows without a remark are left out."""
        drafts = [Draft(record) for record in records if record.row not in self.refused]
        for draft in drafts:
            for remark in draft.record.warnings:
                draft.remarks.append((remark.column, remark.code, str(remark.reason)))
            if draft.record.needs_confirmation:
                self._guess(draft)
        for part in self.kind.parts:
            part.check([draft for draft in drafts if not draft.is_rejected], self.session)
        rows = [found for draft in drafts if (found := self._row(draft, number)) is not None]
        parts: Counter[int] = Counter()
        for one in rows:
            one.part = parts[one.row]
            parts[one.row] += 1
        return rows

    def _guess(self, draft: Draft) -> None:
        """Mark a record that the reader guessed: it needs a second yes, which a command gives before."""
        if self.session.options.get("confirms_guesses") is False:
            draft.reject(
                "", "guess", _("The variants are a guess. Import the file on the page, or use --accept.")
            )
            return
        draft.flags.add(GUESSED)
        draft.warn("", "guess", _("The variants are a guess: the file does not list them."))

    def _row(self, draft: Draft, number: int) -> StagedRow | None:
        if draft.is_rejected:
            action = Action.REJECTED
        elif draft.is_new:
            action = Action.CREATED
        elif draft.changes:
            action = Action.UPDATED
        else:
            action = Action.UNCHANGED
            if not draft.remarks:
                return None
        is_applied = action in (Action.CREATED, Action.UPDATED)
        found = make(
            StagedRow,
            sheet_import_id=self.row.pk,
            row=draft.record.row,
            rows=[one for one in draft.record.rows if one != draft.record.row],
            chunk=number,
            action=action,
            name=draft.name[:255],
            subject_id=draft.subject_id,
            changes=[[name, _plain(old), _plain(new)] for name, old, new in draft.changes]
            if is_applied
            else [],
            remarks=[[self.headings.get(c, c), code, reason] for c, code, reason in draft.remarks],
            data=draft.data if is_applied else {},
        )
        found.flags = draft.flags if is_applied else set()  # type: ignore[attr-defined]
        return found


def _plain(value: Any) -> Any:
    """Return a value as JSON stores it and a person reads it."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Decimal):
        return f"{value:.2f}" if value == round(value, 2) else f"{value.normalize():f}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {item}" for key, item in value.items())[:300]
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))[:300]
    return str(value)[:300]


def _added(data: Mapping[str, Any], staged: Sequence[StagedRow], records: int) -> dict[str, Any]:
    counts, flags = Counter(data["counts"]), Counter(data["flags"])
    found = Counter(str(one.action) for one in staged)
    found[str(Action.UNCHANGED)] += records - len(staged)
    counts.update(found)
    for one in staged:
        flags.update(one.flags)  # type: ignore[attr-defined]
    return {"counts": dict(counts), "flags": dict(flags)}


def _finish(job: Job, row: SheetImport, reading: Reading) -> bool:
    counts = {str(action): int(job.data["counts"].get(str(action), 0)) for action in Action}
    row.counts = counts
    row.falls = large_changes(job.data["flags"], len(reading.records))
    if row.staged.exclude(remarks=[]).exists():
        results.write(row, reading)
    else:
        files.result_path(row.stored_as).unlink(missing_ok=True)
    job.refused = counts["rejected"]
    job.message = summary(counts)
    job.result = dict(counts)
    with transaction.atomic():
        jobs.report_or_stop(job)
        row.state, row.checked_at, row.message = State.CHECKED, timezone.now(), ""
        row.save(update_fields=["state", "checked_at", "message", "counts", "falls"])
    if len(reading.records) > source.REMEMBERED:
        source.forget()
    return False


def large_changes(flags: Mapping[str, int], records: int) -> dict[str, int]:
    """Return the large changes of a file that need a second yes: {} when there are none.

    `guess`: records that the reader guessed; `zeroed`: SKUs whose stock is set to 0, where that is more than a tenth of the file; `price`: prices that change by
    more than half.
    """
    found = {GUESSED: flags[GUESSED]} if flags.get(GUESSED) else {}
    if flags.get(ZEROED, 0) * ZEROED_SHARE > records:
        found[ZEROED] = flags[ZEROED]
    if flags.get(PRICE_HALVED, 0):
        found[PRICE_HALVED] = flags[PRICE_HALVED]
    return found


def summary(counts: Mapping[str, int]) -> str:
    """Return the counts as a sentence."""
    return _("%(created)s new, %(updated)s changed, %(unchanged)s unchanged, %(rejected)s rejected.") % {
        name: grouped(counts.get(name, 0)) for name in ("created", "updated", "unchanged", "rejected")
    }
