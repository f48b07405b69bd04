"""`pytest --reqs`: which requirements and known faults no test names, and what was skipped and why.

Tests name them with `@pytest.mark.req("R-ORD-06")` and `@pytest.mark.fault("F-12")`. The known ids are in
`tests/requirement_ids.txt` and `tests/fault_ids.txt`. An unknown id stops the run.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest

_TESTS: Final = Path(__file__).resolve().parent.parent
# The name of the mark, the word for its ids, the file that lists them.
_KINDS: Final = (("req", "requirement", "requirement_ids.txt"), ("fault", "fault", "fault_ids.txt"))
_named = pytest.StashKey[dict[str, set[str]]]()


def known_ids(mark: str = "req") -> list[str]:
    [name] = [file for kind, _word, file in _KINDS if kind == mark]
    return (_TESTS / name).read_text(encoding="utf-8").split()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--reqs",
        action="store_true",
        help="list the requirements and faults that no test names, and the skips",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Collect the named ids before `-m` removes tests: those on PostgreSQL and in the browser count too."""
    named = {}
    for mark, word, file in _KINDS:
        named[mark] = {name for item in items for found in item.iter_markers(mark) for name in found.args}
        if unknown := named[mark] - set(known_ids(mark)):
            raise pytest.UsageError(f"No such {word}: {', '.join(sorted(unknown))} (tests/{file}).")
    config.stash[_named] = named
    if hasattr(config, "workeroutput"):
        config.workeroutput["named_ids"] = {mark: sorted(names) for mark, names in named.items()}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Collect what the xdist workers found, in the main process that reports."""
    named = node.config.stash.setdefault(_named, {})
    for mark, names in getattr(node, "workeroutput", {}).get("named_ids", {}).items():
        named.setdefault(mark, set()).update(names)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if not config.getoption("--reqs"):
        return
    write = terminalreporter.write_line
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped)
    write(f"skipped: {len(skipped)}")
    for reason, count in reasons.most_common():
        write(f"  {count} x {reason}")
    for mark, word, _file in _KINDS:
        known = known_ids(mark)
        missing = [name for name in known if name not in config.stash.get(_named, {}).get(mark, set())]
        write(f"{word}s without a test: {len(missing)} of {len(known)}")
        for start in range(0, len(missing), 8):
            write("  " + " ".join(missing[start : start + 8]))
