"""The bar of a job, and the colours of the states of imports."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext

from oms.kit.admin.badges import span_text
from oms.kit.background import jobs
from oms.kit.imports.models import SheetImport, StagedRow
from oms.kit.models import Job

State = SheetImport.State
COLOURS = {
    State.UPLOADED: "default",
    State.CHECKING: "info",
    State.CHECKED: "warning",
    State.APPLYING: "info",
    State.DONE: "success",
    State.CANCELLED: "default",
    State.FAILED: "danger",
}
ROW_COLOURS = {
    StagedRow.Action.CREATED: "success",
    StagedRow.Action.UPDATED: "info",
    StagedRow.Action.UNCHANGED: "default",
    StagedRow.Action.REJECTED: "danger",
}


def bar_of(job: Job) -> dict[str, Any]:
    """Return the context of a job's bar."""
    figures = jobs.progress(job)
    left = (
        gettext("about %s left") % span_text(figures.seconds_left)
        if figures.seconds_left and job.is_live
        else ""
    )
    return {"job": job, "percent": figures.percent, "left": left}
