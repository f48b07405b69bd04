"""The addresses that a load balancer, a monitor and the supervisor ask, and the check of `doctor` for the same.

A full or read-only disk is found by writing and reading back, and recognised in the error of a page.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import Q
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from channels.models import SyncStream, WakeUp
from channels.stores import alert_kinds as kinds
from channels.stores.alert_kinds import AlertKind, Cause
from channels.workers import heartbeat
from oms.cluster import host_beats
from oms.kit.doctor import Finding
from oms.kit.models import Job

#: PostgreSQL's codes: disk full, out of memory for a write, read-only transaction (a stand-by server), I/O error.
_STATES = {"53100", "53200", "25006", "58030"}
#: What SQLite says: Django passes on its words only.
_WORDS = (
    "readonly database",
    "disk is full",
    "disk i/o error",
    "unable to open database file",
)

_KEY = "write check"

#: A disk with less free than one of these is nearly full: bytes, and part of the whole.
LEAST_FREE, LEAST_PART = 1024**3, 0.05
#: With less the next write may fail: bytes.
NO_SPACE = 50 * 1024**2
#: How long work may be due before nobody seems to do it. Longer than any pause of a lane that works.
OVERDUE = timedelta(minutes=15)


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when this process answers. It says nothing about the database or the lanes (`readyz`, `doctor`): a web server is not
    restarted because of another machine.
    """
    return JsonResponse({"ok": True})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when the installation works, else 503 with the parts that failed and no detail of them.

    Parts: `database` and `files` (written and read back), `disk` (nearly nothing is free), `lanes` (one that lived is silent, on
    any host or on this one), `work` (something has been due for 15 minutes and nobody does it).
    """
    faults = _faults()
    failed = [name for name, fault in faults.items() if fault]
    if not faults["files"] and shutil.disk_usage(settings.VAR_DIR).free < NO_SPACE:
        failed.append("disk")
    if not faults["database"]:
        if silent_lanes() or host_beats.silent():
            failed.append("lanes")
        if overdue_since() is not None:
            failed.append("work")
    return JsonResponse({"ok": not failed, "failed": failed}, status=503 if failed else 200)


def silent_lanes() -> list[str]:
    """Return the lanes that have had a heartbeat and none in the last three minutes; an installation that never ran has none."""
    since = timezone.now() - heartbeat.ALIVE
    return [lane for lane, at in heartbeat.heartbeats().items() if at is not None and at < since]


def overdue_since() -> datetime | None:
    """Return since when the oldest work is due that nobody does; None while all of it is younger than 15 minutes."""
    before = timezone.now() - OVERDUE
    active = {"connection__state": "active", "is_on": True}
    streams = SyncStream.objects.filter(due_at__lt=before, lease_token="", **active)
    streams = streams.filter(Q(not_before=None) | Q(not_before__lt=before))
    streams = streams.filter(Q(connection__blocked_until=None) | Q(connection__blocked_until__lt=before))
    asked = Job.objects.live().filter(created_at__lt=before, lease_until=None)
    asked = asked.filter(Q(not_before=None) | Q(not_before__lt=before)).filter(started_at=None)
    found = [
        streams.order_by("due_at").values_list("due_at", flat=True).first(),
        asked.order_by("created_at").values_list("created_at", flat=True).first(),
    ]
    return min((at for at in found if at is not None), default=None)


def storage_is_writable() -> Finding:
    """Check that the database and the folder for files can store something."""
    faults = {name: fault for name, fault in _faults().items() if fault}
    words = {
        "database": _("The database cannot store anything: %s. Is its disk full or read-only?"),
        "files": _("Files cannot be saved: %s. Is the disk full or read-only?"),
    }
    return Finding(not faults, " ".join(words[name] % fault.rstrip(".") for name, fault in faults.items()))


def _faults() -> dict[str, str]:
    return {"database": _database_fault(), "files": _files_fault()}


def _database_fault() -> str:
    """Write a row and read it back; return what failed, "" when it can be read."""
    now = timezone.now()
    try:
        with transaction.atomic():
            WakeUp.objects.update_or_create(key=_KEY, defaults={"asked_at": now})
        if WakeUp.objects.values_list("asked_at", flat=True).get(key=_KEY) != now:
            return str(_("a row was not stored"))
    except DatabaseError as error:
        return str(error).strip()
    return ""


def _files_fault() -> str:
    try:
        check_folder(settings.VAR_DIR)
    except OSError as error:
        return str(error)
    return ""


def is_write_fault(error: BaseException | None) -> bool:
    """Whether this error says that the database cannot store anything, whatever is written."""
    if not isinstance(error, DatabaseError):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    return state in _STATES or any(words in str(error).lower() for words in _WORDS)


def check_folder(folder: Path) -> None:
    """Write a file in this folder, read it back and delete it; raises `OSError` with what failed."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f".write-check-{secrets.token_hex(4)}"
    text = secrets.token_hex(16)
    try:
        file.write_text(text, encoding="ascii")
        if file.read_text(encoding="ascii") != text:
            raise OSError(f"{folder}: what was written could not be read back")
    finally:
        file.unlink(missing_ok=True)


def full_disks() -> Iterator[Cause]:
    """Return the cause of the alert "disk": it is nearly full, or nothing can be stored."""
    finding = storage_is_writable()
    if not finding.ok:
        yield Cause("storage", finding.detail)
        return
    size = shutil.disk_usage(settings.VAR_DIR)
    if size.free < LEAST_FREE or size.free < size.total * LEAST_PART:
        free = f"{size.free / 1024**3:,.1f}"
        yield Cause(
            "free", _("The disk with the files of Manifold has only %s GB left. Free some space.") % free
        )


def declare_alerts() -> None:
    """Declare the alert about the disk; called at start-up."""
    kinds.declare(
        AlertKind(
            "disk",
            gettext_lazy("Disk"),
            gettext_lazy("The disk is nearly full, or nothing can be stored."),
            "auth.change_group",
            full_disks,
            every=timedelta(minutes=5),
        )
    )
