"""The colours of the states of imports."""

from __future__ import annotations

from oms.kit.imports.models import SheetImport, StagedRow

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
