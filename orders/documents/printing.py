"""Print many orders or shipments into one PDF: a job with progress and one outcome for each.

What is printed for one order goes the same way. Labels and pick lists are set together at the end; slips and invoices in
slices, each a file of its own until they are joined.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from oms.kit.background import jobs
from oms.kit.models import Job
from oms.kit.numbers import grouped
from orders.choices import DocumentKind
from orders.documents import files, loading, working_papers
from orders.documents.invoice_files import invoice_slice
from orders.documents.typesetting.render import CannotSet, join
from orders.documents.working_papers import Refusals
from orders.errors import OrderError
from orders.models import Shipment

#: Kind of the jobs that print; it is stored in their rows.
JOB = "orders.print"
#: Orders of one slice of slips and invoices.
SLICE = 50
#: Orders or shipments of one job.
AT_MOST = 2_000
PRINT = "orders.print_document"
ISSUE = "orders.issue_document"


@dataclass(frozen=True, slots=True)
class Printout:
    """What can be printed for orders: label of its button, permission, name of its file."""

    kind: DocumentKind
    label: Any
    permission: str
    file: str


PRINTOUTS = {
    one.kind: one
    for one in (
        Printout(DocumentKind.PICK_LIST, gettext_lazy("Print pick list"), PRINT, "pick-list"),
        Printout(DocumentKind.ORDER_PICK_LIST, gettext_lazy("Print pick list by order"), PRINT, "pick-list"),
        Printout(DocumentKind.PACKING_SLIP, gettext_lazy("Print packing slips"), PRINT, "packing-slips"),
        Printout(DocumentKind.LABEL, gettext_lazy("Print labels"), PRINT, "labels"),
        Printout(DocumentKind.RETURN_SLIP, gettext_lazy("Print return slips"), PRINT, "return-slips"),
        Printout(DocumentKind.INVOICE, gettext_lazy("Print invoices"), ISSUE, "invoices"),
    )
}
TOGETHER = (DocumentKind.PICK_LIST, DocumentKind.ORDER_PICK_LIST, DocumentKind.LABEL)


def start(
    *,
    kind: str,
    user: Any,
    orders: Sequence[int] = (),
    shipments: Sequence[int] = (),
    start_at: int = 0,
    language: str = "en",
) -> Job:
    """Start the job that prints `kind` for orders, or for single shipments; pressed twice it is one job.

    `start_at` is how many positions of the first label sheet are used. Raises `OrderError` for more than 2,000.
    """
    ids = list(orders) or list(shipments)
    if len(ids) > AT_MOST:
        raise OrderError(_("At most %s at once.") % grouped(AT_MOST))
    return jobs.start(
        kind=JOB,
        title=f"{PRINTOUTS[DocumentKind(kind)].label} ({len(ids):,})",
        params={
            "kind": str(kind),
            "ids": ids,
            "of": "orders" if orders else "shipments",
            "start": start_at,
            "language": language,
            "author": user.pk,
        },
        total=len(ids),
        author=user,
    )


def step(job: Job) -> bool:
    """Print the next orders of a job; return True while more are left. Safe to repeat after a crash."""
    kind = DocumentKind(job.params["kind"])
    author = job.author
    if author is None or not author.is_active or not author.has_perm(PRINTOUTS[kind].permission):
        raise jobs.JobFailed(_("Your role does not allow this."))
    folder = files.print_folder() / str(job.pk)
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        if kind in TOGETHER:
            parts = _together(job, kind, folder)
        elif _slice(job, kind, folder):
            return True
        else:
            parts = sorted(folder.glob("part-*.pdf"))
    except CannotSet as error:
        raise jobs.JobFailed(f"{error} {error.detail}".strip())
    except OrderError as error:
        raise jobs.JobFailed(str(error))
    _finish(job, kind, parts)
    shutil.rmtree(folder, ignore_errors=True)
    return False


def _refusals(job: Job) -> Refusals:
    return Refusals(job.result.setdefault("refused", {}))


def _shipments(job: Job, ids: Sequence[int]) -> list[Shipment]:
    if job.params["of"] == "orders":
        return loading.shipments_of_orders(ids)
    return loading.shipments_by_id(ids)


def _together(job: Job, kind: DocumentKind, folder: Path) -> list[Path]:
    """Set labels or a pick list of all orders; return the files."""
    ids: list[int] = job.params["ids"]
    refused = _refusals(job)
    shipments = working_papers.chosen(kind, _shipments(job, ids), refused)
    refused.without(ids, shipments, job.params["of"])
    if not shipments:
        parts = []
    elif kind == DocumentKind.LABEL:
        copies = _copies(job, kind, shipments)
        parts = working_papers.labels(shipments, copies, folder, job.params["start"], refused)
    else:
        parts = working_papers.pick_list(kind, shipments, folder, job.params["language"], refused)
    jobs.report_or_stop(job, done=len(ids), refused=len(refused.reasons))
    job.data = {**job.data, "printed": len(shipments)}
    return parts


def _slice(job: Job, kind: DocumentKind, folder: Path) -> bool:
    """Set the next slice of slips or invoices into one file; return whether more are left."""
    ids: list[int] = job.params["ids"]
    part = ids[job.done : job.done + SLICE]
    if not part:
        return False
    refused = _refusals(job)
    if kind == DocumentKind.INVOICE:
        made = invoice_slice(part, job, refused)
    else:
        shipments = working_papers.chosen(kind, _shipments(job, part), refused)
        refused.without(part, shipments, job.params["of"])
        copies = _copies(job, kind, shipments)
        made = working_papers.slips(kind, shipments, copies, folder, refused)
    if made:
        join(made, folder / f"part-{job.done:06d}.pdf")
    job.data = {**job.data, "printed": job.data.get("printed", 0) + len(made)}
    jobs.report_or_stop(
        job, done=job.done + len(part), refused=len(refused.reasons), data=job.data, result=job.result
    )
    return job.done < len(ids)


def _copies(job: Job, kind: DocumentKind, shipments: Sequence[Shipment]) -> dict[int, int]:
    """Count the prints of these shipments once for this job; return how often each was printed before."""
    key = f"copies-{job.done}"
    if key not in job.data:
        copies = working_papers.count_prints(kind, shipments, job.author_id)
        jobs.report(job, data={**job.data, key: {str(pk): count for pk, count in copies.items()}})
    return {int(pk): count for pk, count in job.data[key].items()}


def _finish(job: Job, kind: DocumentKind, parts: Sequence[Path]) -> None:
    refused = _refusals(job)
    printed = int(job.data.get("printed", 0))
    job.result = {"refused": refused.reasons, "outcomes": refused.sentences(), "warnings": refused.warnings()}
    job.refused = len(refused.reasons)
    job.data = {"printed": printed}
    if not parts:
        job.message = _("Nothing was printed.")
        return
    name = f"{job.pk}-{token_hex(16)}.pdf"
    pages = join(parts, files.print_folder() / name)
    job.result |= {"file": name, "label": f"{PRINTOUTS[kind].file}-{timezone.localdate():%Y-%m-%d}.pdf"}
    job.message = ngettext("%(n)s page.", "%(n)s pages.", pages) % {"n": grouped(pages)}


def file_of(job: Job) -> Path | None:
    """Return the file of a finished job; None when there is none (yet, or any more)."""
    name = job.result.get("file", "")
    path = files.print_folder() / Path(name).name
    return path if name and path.is_file() else None
