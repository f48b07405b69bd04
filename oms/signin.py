"""Who is at the door: the address that sign-in throttling counts by."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest


def client_ip(request: HttpRequest) -> str:
    """The visitor's address, for throttling.

    Behind our own proxy (`OMS_HTTPS`) that is the last entry of X-Forwarded-For, the only one the proxy wrote itself;
    without a proxy the header is whatever the visitor likes, so it is not looked at.
    """
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "") if settings.OMS_HTTPS else ""
    return forwarded.rsplit(",", 1)[-1].strip() or request.META.get("REMOTE_ADDR", "")
