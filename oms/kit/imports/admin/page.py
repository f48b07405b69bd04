"""One import: the bar while it runs, what it will change, confirm, the result, undo."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext

from oms.kit.admin.job_pages import bar_of, progress_answer
from oms.kit.authors.actors import person
from oms.kit.imports import files, services
from oms.kit.imports.admin.base import ADD, CHANGE, OneImportPage
from oms.kit.imports.admin.progress import COLOURS, ROW_COLOURS
from oms.kit.imports.admin.start import XLSX
from oms.kit.imports.models import ChangeSet, SheetImport, StagedRow
from oms.kit.numbers import grouped

SHOWN_CHANGES, SHOWN_REJECTED, SHOWN_REMARKS = 50, 500, 50
Action = StagedRow.Action
RowState = StagedRow.State
State = SheetImport.State


class ImportPage(OneImportPage):
    """The page of an import, in each of its states."""

    template_name = "oms/imports/page.html"
    write_permission = (ADD, CHANGE)

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.sheet_import
        job = row.job if row.job is not None and row.job.is_live else None
        change_set = ChangeSet.objects.filter(sheet_import=row).first()
        may_write = request.user.has_perm(ADD) and self.kind.allows(request.user)
        is_kept = bool(row.stored_as)
        return self.render(
            row=row,
            kind=self.kind,
            colour=COLOURS[State(row.state)],
            running=job,
            bar=bar_of(job) if job is not None else {},
            progress_url=reverse("admin:imports_progress", args=[pk]),
            counts=self._counts(),
            facts=self._facts(),
            earlier=services.earlier(row),
            changes=self._changes(),
            shown_changes=SHOWN_CHANGES,
            changes_count=row.count("created") + row.count("updated"),
            rejected=self._rejected(),
            rejected_count=row.count("rejected"),
            shown_rejected=SHOWN_REJECTED,
            remarks=self._remarks(),
            kept=self._kept(),
            large=services.large_words(row),
            why_not=services.why_not(row) if row.state == State.CHECKED else "",
            change_set=change_set,
            can_undo=self._can_undo(change_set),
            may_import=may_write,
            may_undo=request.user.has_perm(CHANGE) and self.kind.allows(request.user),
            columns_url=self._columns_url(),
            file_url=self._file_url(),
            is_kept=is_kept,
            days=services.DAYS,
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        what, by = request.POST.get("do", ""), person(request.user)
        needed = CHANGE if what == "undo" else ADD
        if not request.user.has_perm(needed):
            messages.error(request, gettext("Your role does not allow this."))
            return HttpResponseRedirect(self.url)
        if what == "undo" and "confirmed" not in request.POST:
            return self._ask_undo()
        try:
            if what == "confirm":
                accepts = "accept" in request.POST
                services.confirm(self.sheet_import, by=by, accepts_large_changes=accepts)
            elif what == "cancel":
                services.cancel(self.sheet_import, by=by)
                messages.success(request, gettext("The import is cancelled. Rows that were applied stay."))
            elif what == "check":
                services.check(self.sheet_import, by=by)
            elif what == "undo":
                services.undo(self.sheet_import, by=by)
        except services.ImportRefused as error:
            messages.error(request, str(error))
        return HttpResponseRedirect(self.url)

    def _ask_undo(self) -> HttpResponse:
        count = self.sheet_import.staged.filter(state__in=[RowState.APPLIED, RowState.KEPT]).count()
        self.title = gettext("Undo %s") % self.sheet_import.file_name
        return self.confirm(
            question=gettext("Undo %s rows of this import?") % grouped(count),
            button=gettext("Undo import"),
            back=self.url,
            is_dangerous=True,
            lines=[
                gettext("Each row gets its old values again, and they are sent to the stores."),
                gettext("Rows that somebody changed since stay as they are. They are listed."),
                gettext("New SKUs are deleted. Those with stock history or orders are archived."),
            ],
            hidden=[("do", "undo")],
        )

    # --- what is shown ---

    def _counts(self) -> list[tuple[str, int, bool]]:
        row = self.sheet_import
        names = {
            "created": gettext("new"),
            "updated": gettext("changed"),
            "unchanged": gettext("unchanged"),
            "rejected": gettext("rejected"),
        }
        found = [(words, row.count(name), name == "rejected") for name, words in names.items()]
        if row.count("not_applied"):
            found.append((gettext("not applied"), row.count("not_applied"), True))
        return found

    def _facts(self) -> list[tuple[str, str]]:
        """Return what the file is, as (words, value)."""
        found, options = self.sheet_import.reading, self.sheet_import.options
        rows = [
            (gettext("Recognised as"), found.get("recognised_as", "")),
            (gettext("Sheet"), found.get("sheet", "")),
            (gettext("Row of the headings"), str(found.get("header_row", ""))),
            (gettext("Encoding"), found.get("encoding", "")),
            (gettext("Rows"), grouped(found["rows"]) if found.get("rows") is not None else ""),
            (gettext("Columns left out"), ", ".join(found.get("unknown", [])[:10])),
            (gettext("Currency"), options.get("currency", "")),
        ]
        return [(words, str(value)) for words, value in rows if value]

    def _changes(self) -> list[dict[str, Any]]:
        rows = self.sheet_import.staged.filter(action__in=[Action.CREATED, Action.UPDATED])
        labels = self.kind.labels()
        return [
            {
                "row": one.row,
                "name": one.name,
                "what": one.get_action_display(),
                "colour": ROW_COLOURS[Action(one.action)],
                "lines": [
                    (labels.get(name, name), _shown(old), _shown(new)) for name, old, new in one.changes
                ],
                "state": one.get_state_display() if one.state != RowState.STAGED else "",
                "reason": one.reason,
            }
            for one in rows.order_by("row")[:SHOWN_CHANGES]
        ]

    def _rejected(self) -> list[dict[str, Any]]:
        """Return the rows that come back: rejected by the check, or refused when they were applied."""
        rows = self.sheet_import.staged
        found = [
            {"row": one.row, "name": one.name, "column": column, "reason": reason}
            for one in rows.filter(action=Action.REJECTED).order_by("row")[:SHOWN_REJECTED]
            for column, _code, reason in one.remarks
        ]
        found += [
            {"row": one.row, "name": one.name, "column": "", "reason": one.reason}
            for one in rows.filter(state=RowState.REFUSED).order_by("row")[:SHOWN_REJECTED]
        ]
        return sorted(found, key=lambda line: line["row"])[:SHOWN_REJECTED]

    def _remarks(self) -> list[dict[str, Any]]:
        """Return remarks about rows that go on."""
        rows = self.sheet_import.staged.exclude(action=Action.REJECTED).exclude(remarks=[])
        return [
            {"row": one.row, "name": one.name, "column": column, "reason": reason}
            for one in rows.order_by("row")[:SHOWN_REMARKS]
            for column, _code, reason in one.remarks
        ]

    def _kept(self) -> list[StagedRow]:
        """Return the rows that could not be undone."""
        return list(self.sheet_import.staged.filter(state=RowState.KEPT).order_by("row")[:SHOWN_REJECTED])

    def _can_undo(self, change_set: ChangeSet | None) -> bool:
        if change_set is None or change_set.state == ChangeSet.State.UNDONE:
            return False
        return self.sheet_import.staged.filter(state__in=[RowState.APPLIED, RowState.KEPT]).exists()

    def _columns_url(self) -> str:
        row = self.sheet_import
        if row.applied_at is not None or row.state not in (State.UPLOADED, State.CHECKED, State.FAILED):
            return ""
        return reverse("admin:imports_columns", args=[row.pk]) if row.stored_as else ""

    def _file_url(self) -> str:
        row = self.sheet_import
        has_file = (
            self.kind.allows(self.request.user)
            and bool(row.stored_as)
            and files.result_path(row.stored_as).is_file()
        )
        return reverse("admin:imports_file", args=[row.pk]) if has_file else ""


def _shown(value: Any) -> Any:
    if value is None or value == "":
        return format_html('<span class="oms-none">{}</span>', "–")
    return str(value)


class ImportProgress(OneImportPage):
    """The bar as JSON, for the script of the page."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        return progress_answer(request, self.sheet_import.job)


class ResultFile(OneImportPage):
    """The workbook with a status and a reason for each row."""

    is_for_importers = True

    def get(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        row = self.sheet_import
        path = files.result_path(row.stored_as) if row.stored_as else None
        if path is None or not path.is_file():
            raise Http404
        answer = FileResponse(
            path.open("rb"), as_attachment=True, filename=files.result_name(row.file_name), content_type=XLSX
        )
        answer["Cache-Control"] = "private, no-store"
        return answer
