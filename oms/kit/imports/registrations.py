"""Registrations of the imports: their jobs, and the words of the audit log."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from oms.kit.authors import audit
from oms.kit.background import jobs
from oms.kit.imports import applying, checking, exports, services


def connect() -> None:
    """Register everything; called once, when Django has loaded the apps."""
    jobs.register(services.CHECK, checking.work)
    jobs.register(services.APPLY, applying.apply)
    jobs.register(services.UNDO, applying.undo)
    jobs.register(exports.JOB, exports.work)
    audit.declare(
        {
            "import.uploaded": _("File uploaded"),
            "import.confirmed": _("Import confirmed"),
            "import.cancelled": _("Import cancelled"),
            "import.undone": _("Import undone"),
        }
    )
