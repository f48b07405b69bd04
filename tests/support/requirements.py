"""`pytest --reqs`: which requirements no test names, and what was skipped and why.

Tests name them with `@pytest.mark.req("R-ORD-06")`; the known ids are in `tests/requirement_ids.txt`. An unknown
id stops the run.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

_IDS = Path(__file__).resolve().parent.parent / "requirement_ids.txt"
_named = pytest.StashKey[set[str]]()


def known_ids() -> list[str]:
    return _IDS.read_text(encoding="utf-8").split()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--reqs", action="store_true", help="list the requirements that no test names, and the skips"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Collect the named requirements before `-m` removes tests: those on PostgreSQL and in the browser count too."""
    named = {req for item in items for mark in item.iter_markers("req") for req in mark.args}
    if unknown := named - set(known_ids()):
        raise pytest.UsageError(
            f"No such requirement: {', '.join(sorted(unknown))} (tests/requirement_ids.txt)."
        )
    config.stash[_named] = named
    if hasattr(config, "workeroutput"):
        config.workeroutput["named_requirements"] = sorted(named)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Collect what the xdist workers found, in the main process that reports."""
    named = node.config.stash.setdefault(_named, set())
    named.update(getattr(node, "workeroutput", {}).get("named_requirements", ()))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if not config.getoption("--reqs"):
        return
    write = terminalreporter.write_line
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped)
    write(f"skipped: {len(skipped)}")
    for reason, count in reasons.most_common():
        write(f"  {count} x {reason}")
    known = known_ids()
    missing = [req for req in known if req not in config.stash.get(_named, set())]
    write(f"requirements without a test: {len(missing)} of {len(known)}")
    for start in range(0, len(missing), 8):
        write("  " + " ".join(missing[start : start + 8]))
