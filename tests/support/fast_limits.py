"""Limits of requests that tests do not wait for: Etsy allows ten a second, and a first sync of a test makes fifty."""

from __future__ import annotations

import copy
from datetime import datetime

import pytest

from channels.http import app_quota, rate_limit
from channels.models import Budget

#: Etsy's sandbox answers 150 requests a second: ten times ten stay below it.
FASTER = 10.0
#: Limits of fewer requests a second are met as they are.
FROM = 5.0


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every bucket with a limit of several requests a second be filled ten times faster, in one test."""
    level, bucket_wait = rate_limit.level, rate_limit.bucket_wait

    def fast_level(row: Budget, now: datetime) -> float:
        return level(_faster(row), now)

    def fast_wait(row: Budget, now: datetime, reserve: float) -> float:
        return bucket_wait(_faster(row), now, reserve)

    monkeypatch.setattr(app_quota, "PACE", FASTER)
    monkeypatch.setattr(rate_limit, "level", fast_level)
    monkeypatch.setattr(rate_limit, "bucket_wait", fast_wait)


def _faster(row: Budget) -> Budget:
    if row.full_at is not None or row.per_second < FROM:
        return row
    found = copy.copy(row)
    found.per_second = FASTER * row.per_second
    return found
