"""Slow down who guesses passwords.

Five wrong passwords for one account from one address lock that pair for 15 minutes (django-axes). Guesses from many
addresses do not lock the account, which would lock its owner out: each sign-in to it is answered later and later.
"""

from __future__ import annotations

import math
import threading
import time
from datetime import timedelta
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.db.models import Sum
from django.forms import ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

FREE = 10  # failed sign-ins of one account, from all addresses together, before answers are delayed
WINDOW = timedelta(minutes=15)
LONGEST = 4.0  # seconds
STORED_FOR = timedelta(days=90)  # sign-ins and failed ones, with their addresses
MOST_WAITING = 2  # answers that wait at a time in one process: its other threads go on serving pages

_waiting = threading.BoundedSemaphore(MOST_WAITING)


def delay_of(failures: int) -> float:
    """Return how many seconds a sign-in waits after this many failures of its account: 0, then 0.5, 1, 2, at most 4."""
    return 0.0 if failures < FREE else min(0.5 * 2.0 ** min(failures - FREE, 10), LONGEST)


def delay(username: str) -> None:
    """Wait before a sign-in to this account is checked; raise `ValidationError` when too many wait already."""
    if not settings.AXES_ENABLED or not username:
        return
    since = timezone.now() - WINDOW
    rows = AccessAttempt.objects.filter(username=username, attempt_time__gte=since)
    seconds = delay_of(rows.aggregate(all=Sum("failures_since_start"))["all"] or 0)
    if not seconds:
        return
    if not _waiting.acquire(blocking=False):
        raise ValidationError(
            _("Too many sign-ins at the moment. Wait a few seconds and try again."), code="busy"
        )
    try:
        time.sleep(seconds)
    finally:
        _waiting.release()


def prune() -> int:
    """Delete sign-ins and failed sign-ins that are older than 90 days; return how many."""
    before = timezone.now() - STORED_FOR
    return sum(
        model.objects.filter(attempt_time__lt=before).delete()[0]
        for model in (AccessAttempt, AccessFailureLog, AccessLog)
    )


def locked_out(
    request: HttpRequest, response: Any = None, credentials: Any = None, *args: Any, **kwargs: Any
) -> HttpResponse:
    """Answer a sign-in that is locked: a page with the minutes to wait, status 429."""
    seconds = settings.AXES_COOLOFF_TIME.total_seconds()
    names = {"username": str((credentials or {}).get("username", ""))}
    row = AccessAttempt.objects.filter(**names).order_by("-attempt_time").first()
    if row is not None:
        seconds -= (timezone.now() - row.attempt_time).total_seconds()
    context = {"title": _("Sign-in is locked"), "minutes": max(math.ceil(seconds / 60), 1)}
    answer = TemplateResponse(request, "oms/locked_out.html", context, status=429)
    answer["Retry-After"] = str(max(math.ceil(seconds), 1))
    return answer.render()
