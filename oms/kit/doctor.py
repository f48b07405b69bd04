"""Checks of a running installation: each app registers its own, `manage.py doctor` runs all of them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from django.utils.translation import gettext as _

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check: whether it passed, and one sentence that says what is wrong and what to do.

    Faults that people handle every day pass, with the sentence in `detail`: people ignore a monitor that is always red.
    """

    ok: bool
    detail: str = ""


Check = Callable[[], Finding]

_checks: dict[str, Check] = {}
_lists: dict[str, tuple[Callable[[], list[str]], str]] = {}


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one check, with its name."""

    name: str
    ok: bool
    detail: str


def register(name: str, check: Check) -> None:
    """Register a check; called at start-up. `--json` shows its name, which never changes."""
    _checks[name] = check


def names() -> list[str]:
    """Return the names of all checks."""
    return list(_checks)


def register_list(name: str, rows: Callable[[], list[str]], help_text: str) -> None:
    """Register the lines that `doctor --<name>` prints for scripts; called at start-up."""
    _lists[name] = (rows, help_text)


def lists() -> dict[str, tuple[Callable[[], list[str]], str]]:
    """Return the registered lists by name, each with its help text."""
    return dict(_lists)


def run(only: list[str] | None = None) -> list[Result]:
    """Run the checks (None: all of them). A check that raises is a failed result; the others still run."""
    results = []
    for name, check in _checks.items():
        if only and name not in only:
            continue
        try:
            finding = check()
        except Exception as error:
            log.exception("the check %s failed", name)
            finding = Finding(False, _("The check could not run: %s") % error)
        results.append(Result(name, finding.ok, finding.detail))
    return results


def as_json(results: list[Result]) -> dict[str, Any]:
    """Return the results as `doctor --json` prints them."""
    return {"ok": all(result.ok for result in results), "checks": [asdict(result) for result in results]}
