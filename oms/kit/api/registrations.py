"""What the API registers: the words of its changes in the audit log."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from oms.kit.authors import audit


def connect() -> None:
    """Register everything; called once, when Django has loaded the apps."""
    audit.declare({"api_key.created": _("API key created"), "api_key.revoked": _("API key revoked")})
