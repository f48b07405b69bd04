"""Checks of a running installation: each app registers its own, `manage.py doctor` runs them all."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from django.utils.translation import gettext as _

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether all is well, and one sentence that says what is not and what to do."""

    ok: bool
    detail: str = ""


Check = Callable[[], Finding]

_checks: dict[str, Check] = {}


@dataclass(frozen=True, slots=True)
class Result:
    name: str
    ok: bool
    detail: str


def register(name: str, check: Check) -> None:
    """Declare a check; called from an app's `ready()`. The name is what `--json` shows and never changes."""
    _checks[name] = check


def names() -> list[str]:
    return list(_checks)


def run(only: list[str] | None = None) -> list[Result]:
    """Run the checks (or those named); one that fails itself is a finding, never the end of the others."""
    results = []
    for name, check in _checks.items():
        if only and name not in only:
            continue
        try:
            finding = check()
        except Exception as error:
            log.exception("the check %s failed", name)
            finding = Finding(False, _("The check itself failed: %s") % error)
        results.append(Result(name, finding.ok, finding.detail))
    return results


def as_json(results: list[Result]) -> dict[str, Any]:
    """The form that `doctor --json` prints."""
    return {"ok": all(result.ok for result in results), "checks": [asdict(result) for result in results]}
