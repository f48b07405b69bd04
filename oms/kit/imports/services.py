"""What people and commands do with an import: give a file, check it, confirm it, cancel it, undo it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from oms.kit.authors import audit
from oms.kit.authors.actors import Author
from oms.kit.background import jobs
from oms.kit.imports import files, kinds, mappings
from oms.kit.imports.models import ChangeSet, SheetImport, StagedRow
from oms.kit.models import Job
from oms.kit.numbers import grouped

CHECK, APPLY, UNDO = "imports.check", "imports.apply", "imports.undo"
SUBJECT = "sheet_import"
State = SheetImport.State

#: A file that must be applied as a whole has at most this many rows to apply: it is one transaction.
ALL_OR_NOTHING_MOST = 20_000
#: Days that the file, its checked rows and with them the possibility to undo are kept.
DAYS = 30
#: More than one of so many SKUs of a file set to 0 is a large change.
ZEROED_SHARE = 10
#: A command asks for a second yes from so many rows on.
FEW = 10


class ImportRefused(Exception):
    """The step is not possible now; nothing was changed. The text is one sentence for a person."""


@transaction.atomic
def receive(
    *,
    kind: str,
    parts: Iterable[bytes],
    file_name: str,
    by: Author,
    sheet: str = "",
    header_row: int | None = None,
    mapping: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
    all_or_nothing: bool = False,
) -> SheetImport:
    """Store a file as an import of this kind. Raise `ImportRefused` when it is empty or too large."""
    kinds.get(kind)
    shown = files.shown_name(file_name)
    try:
        stored = files.store(parts, file_name)
    except files.TooLarge:
        most = files.MOST_BYTES // 1_000_000
        raise ImportRefused(
            _("The file is larger than %d MB. Divide it into several files.") % most
        ) from None
    if not stored.size:
        files.remove(stored.name)
        raise ImportRefused(_("The file is empty. Choose a file with rows."))
    found = SheetImport.objects.create(
        kind=kind,
        file_name=shown,
        stored_as=stored.name,
        size=stored.size,
        sha256=stored.sha256,
        sheet=sheet[:100],
        header_row=header_row,
        mapping=dict(mapping) if mapping is not None else None,
        options=dict(options or {}),
        all_or_nothing=all_or_nothing,
        language=get_language() or "",
        author_id=by.user_id,
        actor_kind=by.kind[:10],
        actor=by.label[:60],
    )
    audit.record("import.uploaded", found, {"file_name": (None, shown)}, by=by)
    return found


def earlier(sheet_import: SheetImport) -> SheetImport | None:
    """Return the last import that applied the same file as the same kind, if there is one."""
    same = SheetImport.objects.filter(kind=sheet_import.kind, sha256=sheet_import.sha256)
    return same.filter(applied_at__isnull=False, pk__lt=sheet_import.pk).order_by("-pk").first()


@transaction.atomic
def check(sheet_import: SheetImport, *, by: Author) -> Job:
    """Start the check of the whole file, again too; what an earlier check found is dropped.

    Raise `ImportRefused` when the import is being checked or applied, was applied, or its file was deleted.
    """
    row = _locked(sheet_import)
    if row.state not in (State.UPLOADED, State.CHECKED, State.FAILED) or row.applied_at is not None:
        raise ImportRefused(_not_now(row))
    if not row.stored_as or not files.path_of(row.stored_as).is_file():
        raise ImportRefused(_("The file was deleted. Upload it again."))
    row.state, row.message, row.counts, row.falls, row.reading = State.CHECKING, "", {}, {}, {}
    job = jobs.start(
        kind=CHECK,
        title=_("Check %s") % row.file_name,
        subject_kind=SUBJECT,
        subject_id=row.pk,
        params={"import": row.pk, "started": timezone.now().isoformat()},
        author=by,
    )
    row.job = job
    row.save()
    return job


@transaction.atomic
def confirm(sheet_import: SheetImport, *, by: Author, accepts_large_changes: bool = False) -> Job:
    """Start to apply the checked rows; return the job.

    Raise `ImportRefused` when the import is not checked (or is applied already), has nothing to apply, has rejected rows
    and must be applied as a whole, or makes large changes and `accepts_large_changes` is False.
    """
    row = _locked(sheet_import)
    if row.state != State.CHECKED:
        raise ImportRefused(_not_now(row))
    todo = row.count("created") + row.count("updated")
    if reason := why_not(row):
        raise ImportRefused(reason)
    if row.falls and not accepts_large_changes:
        raise ImportRefused(_("The file makes large changes. Confirm that they are right."))
    job = jobs.start(
        kind=APPLY,
        title=_("Import %s") % row.file_name,
        subject_kind=SUBJECT,
        subject_id=row.pk,
        params={"import": row.pk},
        total=todo,
        author=by,
    )
    row.state, row.job, row.message, row.applied_at = State.APPLYING, job, "", timezone.now()
    row.save(update_fields=["state", "job", "message", "applied_at"])
    ChangeSet.objects.get_or_create(
        sheet_import=row, defaults={"author_id": by.user_id, "actor": by.label[:60]}
    )
    audit.record(
        "import.confirmed",
        row,
        {"created": (None, row.count("created")), "updated": (None, row.count("updated"))},
        by=by,
    )
    return job


def is_unchanged(row: SheetImport) -> bool:
    """Whether a checked file changes nothing."""
    return not row.count("created") + row.count("updated")


def finish_unchanged(row: SheetImport) -> None:
    """Close a checked import that changes nothing."""
    done = SheetImport.objects.filter(pk=row.pk, state=State.CHECKED).update(state=State.DONE)
    if done:
        row.state = State.DONE


def needs_yes_of_command(row: SheetImport) -> bool:
    """Whether a command must say `--accept`: a page asks for every large change, a command from `FEW` rows on."""
    return any(count >= FEW for count in row.falls.values())


def large_words(row: SheetImport) -> str:
    """Return the large changes of a checked import as a sentence; "" when it has none."""
    lines = []
    if zeroed := row.falls.get(kinds.ZEROED):
        lines.append(
            ngettext("The stock of %s SKU is set to 0.", "The stock of %s SKUs is set to 0.", zeroed)
            % grouped(zeroed)
        )
    if prices := row.falls.get(kinds.PRICE_HALVED):
        lines.append(
            ngettext("%s price changes by more than half.", "%s prices change by more than half.", prices)
            % grouped(prices)
        )
    if guessed := row.falls.get(kinds.GUESSED):
        lines.append(
            ngettext(
                "%s row is a guess about variants that the file does not list.",
                "%s rows are guesses about variants that the file does not list.",
                guessed,
            )
            % grouped(guessed)
        )
    return " ".join(lines)


@transaction.atomic
def discard(row: SheetImport) -> None:
    """Delete an import that changed nothing (a dry run) with its file; the result file stays for some days."""
    if row.applied_at is not None:
        raise ImportRefused(_not_now(row))
    files.path_of(row.stored_as).unlink(missing_ok=True)
    row.delete()


def why_not(row: SheetImport) -> str:
    """Return why a checked import cannot be applied; "" when it can."""
    todo = row.count("created") + row.count("updated")
    if not todo:
        return _("There is nothing to apply: no row is new or changed.")
    if row.all_or_nothing and row.count("rejected"):
        return _(
            "Some rows are rejected, and you chose “all rows or none”. Correct the file and upload it again."
        )
    if row.all_or_nothing and todo > ALL_OR_NOTHING_MOST:
        return _("“All rows or none” is possible for up to %s rows. Divide the file, or switch it off.") % (
            grouped(ALL_OR_NOTHING_MOST)
        )
    return ""


@transaction.atomic
def cancel(sheet_import: SheetImport, *, by: Author) -> SheetImport:
    """Cancel an import that is not finished. Rows that were applied stay, and can be undone."""
    row = _locked(sheet_import)
    if row.state in (State.CHECKING, State.APPLYING) and row.job is not None and row.job.is_live:
        jobs.cancel(job=row.job)
        row.job.refresh_from_db()
        if row.job.is_live:  # its worker stops at the next chunk and sets the state
            return row
    elif row.state not in (State.UPLOADED, State.CHECKED):
        raise ImportRefused(_not_now(row))
    row.state = State.CANCELLED
    row.save(update_fields=["state"])
    audit.record("import.cancelled", row, by=by)
    return row


def settle(sheet_import: SheetImport) -> SheetImport:
    """Set the state of an import whose job ended without it: it was cancelled on the page of jobs, or failed."""
    row = sheet_import
    job = row.job
    if row.state in (State.CHECKING, State.APPLYING) and (job is None or not job.is_live):
        state = State.CANCELLED if job is not None and job.state == Job.State.CANCELLED else State.FAILED
        message = job.message if job is not None and state == State.FAILED else ""
        if row.state == State.APPLYING:
            recount(row)
        SheetImport.objects.filter(pk=row.pk, state=row.state, job=job).update(
            state=state, message=message[:500], counts=row.counts
        )
        row.refresh_from_db()
    return row


def recount(row: SheetImport) -> None:
    """Count the rows as they are now: a row that was refused or not reached is neither new nor changed."""
    by_state = {
        (action, state): count
        for action, state, count in row.staged.order_by()
        .values_list("action", "state")
        .annotate(count=Count("pk"))
    }

    def of(state: str, *actions: str) -> int:
        return sum(by_state.get((action, state), 0) for action in actions)

    row.counts = {
        "created": of(StagedRow.State.APPLIED, StagedRow.Action.CREATED),
        "updated": of(StagedRow.State.APPLIED, StagedRow.Action.UPDATED),
        "unchanged": row.count("unchanged"),
        "rejected": of(StagedRow.State.STAGED, StagedRow.Action.REJECTED)
        + of(StagedRow.State.REFUSED, StagedRow.Action.CREATED, StagedRow.Action.UPDATED),
    }
    if not_reached := of(StagedRow.State.STAGED, StagedRow.Action.CREATED, StagedRow.Action.UPDATED):
        row.counts["not_applied"] = not_reached


@transaction.atomic
def undo(sheet_import: SheetImport, *, by: Author) -> Job:
    """Start to undo what an import changed, row by row; rows that changed since stay as they are and are listed.

    Raise `ImportRefused` when nothing was applied, it is undone already, or its rows were deleted.
    """
    row = _locked(sheet_import)
    change_set = ChangeSet.objects.select_for_update().filter(sheet_import=row).first()
    if row.state == State.APPLYING or change_set is None:
        raise ImportRefused(_not_now(row))
    is_running = row.job is not None and row.job.is_live
    if change_set.state == ChangeSet.State.UNDOING and is_running:
        raise ImportRefused(_("The import is being undone already."))
    todo = row.staged.filter(state__in=[StagedRow.State.APPLIED, StagedRow.State.KEPT]).count()
    if not todo:
        raise ImportRefused(_("There is nothing to undo: every row was undone, or its record was deleted."))
    row.staged.filter(state=StagedRow.State.KEPT).update(state=StagedRow.State.APPLIED, reason="")
    job = jobs.start(
        kind=UNDO,
        title=_("Undo %s") % row.file_name,
        subject_kind=SUBJECT,
        subject_id=row.pk,
        params={"import": row.pk, "started": timezone.now().isoformat()},
        total=todo,
        author=by,
    )
    change_set.state = ChangeSet.State.UNDOING
    change_set.undone_by_id, change_set.undone_actor = by.user_id, by.label[:60]
    change_set.undone_actor_kind, change_set.undone_at = by.kind[:10], timezone.now()
    change_set.save()
    row.job = job
    row.save(update_fields=["job"])
    audit.record("import.undone", row, by=by)
    return job


@transaction.atomic
def set_mapping(
    sheet_import: SheetImport,
    mapping: Mapping[str, str],
    *,
    by: Author,
    sheet: str = "",
    header_row: int | None = None,
    headings: Sequence[str] = (),
    save_as: str = "",
) -> SheetImport:
    """Set the sheet, the row of the headings, and which column is which field ("" leaves the column out).

    A key of `mapping` is a heading or the letter of a column. With `save_as` it is used for later files with these
    headings too.

    Raise `ImportRefused` when two columns serve one field, a required field has no column, or the import was applied.
    """
    row = _locked(sheet_import)
    if row.state not in (State.UPLOADED, State.CHECKED, State.FAILED):
        raise ImportRefused(_not_now(row))
    kind = kinds.get(row.kind)
    if wrong := mappings.fault_in(kind, mapping):
        raise ImportRefused(wrong)
    row.mapping, row.sheet, row.header_row = dict(mapping), sheet[:100], header_row
    row.save(update_fields=["mapping", "sheet", "header_row"])
    if save_as.strip():
        mappings.save(kind, save_as, mapping, by=by, headings_of_file=headings)
    return row


def prune() -> int:
    """Delete files and checked rows of imports older than `DAYS`; return how many imports. What they did stays listed."""
    old = SheetImport.objects.filter(created_at__lt=timezone.now() - timedelta(days=DAYS)).exclude(
        stored_as=""
    )
    old = old.exclude(state__in=[State.CHECKING, State.APPLYING])
    count = 0
    for row in old.order_by("pk")[:100]:
        with transaction.atomic():
            row.staged.all().delete()
            SheetImport.objects.filter(pk=row.pk).update(stored_as="")
        files.remove(row.stored_as)
        count += 1
    files.prune(DAYS)
    return count


def _locked(sheet_import: SheetImport) -> SheetImport:
    row = SheetImport.objects.select_for_update(of=("self",)).select_related("job").get(pk=sheet_import.pk)
    return settle(row)


def _not_now(row: SheetImport) -> str:
    return _("This is not possible now: the import is in the state “%s”.") % row.get_state_display()
