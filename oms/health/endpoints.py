"""The addresses that a load balancer, a monitor and the supervisor ask, and the check of `doctor` for the same."""

from __future__ import annotations

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from channels.models import WakeUp
from oms.health import writable
from oms.kit.doctor import Finding

_KEY = "write check"


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when this process answers and reaches its database, else 503.

    It says nothing about the lanes: a web server is not taken out of service because a worker is slow (`doctor` does).
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"ok": False}, status=503)
    return JsonResponse({"ok": True})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when a row and a file were written and read back, else 503 with the part that failed and no detail of it."""
    failed = [name for name, fault in _faults().items() if fault]
    return JsonResponse({"ok": not failed, "failed": failed}, status=503 if failed else 200)


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
        writable.check_folder(settings.VAR_DIR)
    except OSError as error:
        return str(error)
    return ""
