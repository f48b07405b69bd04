"""Middleware of the project: the viewer's time zone, and compressed pages."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from functools import lru_cache

from django.http import HttpRequest, HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils import timezone

#: Set by `oms/kit/static/oms/oms.js` on every page, from `Intl`; the name of a zone such as "Europe/Paris".
ZONE_COOKIE = "oms_zone"
TEXT = ("text/", "application/json", "application/javascript", "image/svg+xml")


@lru_cache(maxsize=64)
def zone_of(name: str) -> zoneinfo.ZoneInfo | None:
    """Return the zone with this name; None for a name that is none (a cookie may contain anything)."""
    try:
        return zoneinfo.ZoneInfo(name) if name else None
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


class TimeZoneMiddleware:
    """Activate the viewer's zone for the request. Without the cookie it is `TIME_ZONE`, the installation's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with timezone.override(zone_of(request.COOKIES.get(ZONE_COOKIE, ""))):
            return self.get_response(request)


class TextGZipMiddleware(GZipMiddleware):
    """Compress text: pages, JSON, CSV. Pictures, PDF and Excel files are compressed already.

    BREACH (guessing a secret in a page by the compressed length of many answers): the one secret of a page, the CSRF
    token, is masked anew in each answer, and Django's middleware adds random bytes to each answer's length.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if not response.get("Content-Type", "").startswith(TEXT):
            return response
        return super().process_response(request, response)
