"""Middleware of the project: the viewer's time zone, compressed pages, and the page for a lost credential key."""

from __future__ import annotations

import logging
import zoneinfo
from collections.abc import Callable
from functools import lru_cache

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import render
from django.utils import timezone

from channels.models.fields import UnreadableCredentials
from oms import health

log = logging.getLogger(__name__)

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


class HealthMiddleware:
    """Answer `/healthz` and `/readyz` before anything else, whatever host the caller names.

    A load balancer asks by address, without TLS. The two answers name nothing of this installation.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        view = {"/healthz": health.healthz, "/readyz": health.readyz}.get(request.path_info)
        return view(request) if view is not None else self.get_response(request)


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


class LostKeyMiddleware:
    """Answer with a page that says what to do when the key of the stores' credentials is lost."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Return the page for a lost key; None for every other error."""
        if isinstance(exception, ImproperlyConfigured) and "OMS_CREDENTIAL_KEYS" not in str(exception):
            return None
        if not isinstance(exception, UnreadableCredentials | ImproperlyConfigured):
            return None
        log.error("%s", exception)
        return render(request, "lost_key.html", status=503)
