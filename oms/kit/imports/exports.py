"""Exports as jobs, and templates as files. The workbook is kept for some days, for the person who asked for it."""

from __future__ import annotations

import io
import secrets
import tempfile
from pathlib import Path
from typing import Any

from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from oms.kit.authors.actors import Author
from oms.kit.background import jobs
from oms.kit.imports import files, kinds, workbooks
from oms.kit.imports.kinds import ImportKind
from oms.kit.models import Job
from oms.kit.numbers import grouped

JOB = "imports.export"


def template(kind: ImportKind) -> io.BytesIO:
    """Return the template of a kind as a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "template.xlsx"
        workbooks.write_template(kind, path)
        return io.BytesIO(path.read_bytes())


def start(kind: ImportKind, *, by: Author) -> Job:
    """Start an export of all rows of a kind; two people never share one file."""
    return jobs.start(
        kind=JOB,
        title=_("Export: %s") % kind.label,
        params={"kind": kind.key, "author": by.user_id, "language": get_language() or ""},
        author=by,
    )


def work(job: Job) -> bool:
    """Write the workbook. A killed worker begins again: nothing but the file is written."""
    kind = kinds.get(job.params["kind"])
    if job.author is None or not job.author.is_active or not kind.allows_export(job.author):
        raise jobs.JobFailed(_("Your role does not allow this."))
    name = f"{job.pk}-{secrets.token_hex(16)}.xlsx"
    path = files.path_of(f"{name}.part")
    with override(job.params["language"] or None):
        jobs.report_or_stop(job, total=kind.export_count(), done=0)
        rows = workbooks.write_export(kind, path, each=lambda count: jobs.report_or_stop(job, done=count))
    path.chmod(0o600)
    path.replace(files.path_of(name))
    job.done = job.total = rows
    job.message = _("%s rows exported.") % grouped(rows)
    job.result = {"file": name, "label": f"{kind.key}.xlsx"}
    return False


def file_of(job: Job) -> Path | None:
    """Return the workbook of a finished export; None when there is none (yet, or any more)."""
    name: Any = job.result.get("file", "")
    path = files.path_of(name) if name else None
    return path if path is not None and path.is_file() else None
