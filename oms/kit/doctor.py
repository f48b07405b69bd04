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
    """Whether all is well, and one sentence that says what is not and what to do.

    What a person has on the desk today is well too, with the sentence in `detail`: a monitor that is red every
    day is looked at by nobody.
    """

    ok: bool
    detail: str = ""


Check = Callable[[], Finding]

_checks: dict[str, Check] = {}
_lists: dict[str, tuple[Callable[[], list[str]], str]] = {}


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


def register_list(name: str, rows: Callable[[], list[str]], help_text: str) -> None:
    """Declare what `doctor --<name>` prints, one a line, for scripts; called from an app's `ready()`."""
    _lists[name] = (rows, help_text)


def lists() -> dict[str, tuple[Callable[[], list[str]], str]]:
    return dict(_lists)


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
