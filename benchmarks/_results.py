"""The table at the end of a run, and its file in `benchmarks/results`, one for each day."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"
#: Figures that are better when they are higher; all others with a target are better when they are lower.
AT_LEAST = (
    "ratio_to_floor",
    "check_to_floor",
    "apply_to_floor",
    "whole_to_floor",
    "to_import_export",
    "same_page_to_new",
    "used_of_allowed",
    "computed_to_floor",
    "stored_to_floor",
    "moves_to_floor",
    "share of updates within a page",
)
#: Targets of every list, besides that of its ratio.
MOST_STATEMENTS, MOST_MS = 8, 300.0
HEADS = ("benchmark", "figure", "value", "unit", "compared with", "target", "held")
_OWN = ("bench", "figure", "value", "unit", "target")


def held(one: dict[str, Any]) -> bool | None:
    """Return whether a figure reaches its target; None without a target."""
    if "target" not in one:
        return None
    if one["figure"].endswith(AT_LEAST):
        return bool(one["value"] >= one["target"])
    return bool(one["value"] <= one["target"])


def also_missed(one: dict[str, Any]) -> str:
    """Return what else a page misses beside its ratio: statements of a list, time of any page; "" for nothing."""
    missed = []
    is_list = one.get("kind") in ("first", "deep", "filter", "search")
    if is_list and one.get("statements", 0) > MOST_STATEMENTS:
        missed.append(f"{one['statements']} statements")
    if one.get("ms", 0.0) > MOST_MS:
        missed.append(f"{one['ms']:.0f} ms")
    return ", ".join(missed)


def line_of(one: dict[str, Any]) -> tuple[str, ...]:
    """Return the cells of a figure."""
    beside = f"{one['ms']:.0f} ms, twin {one['twin_ms']:.0f} ms" if "twin_ms" in one else ""
    sign = "≥" if one["figure"].endswith(AT_LEAST) else "≤"
    is_held, also = held(one), also_missed(one)
    words = {None: "", True: "yes", False: "no"}[is_held]
    return (
        one["bench"],
        one["figure"] + (f" ({one['scene']})" if "scene" in one else ""),
        f"{one['value']:,.2f}".rstrip("0").rstrip("."),
        one["unit"],
        beside,
        f"{sign} {one['target']}" if is_held is not None else "",
        f"{words}; {also}" if also else words,
    )


def table(figures: Sequence[dict[str, Any]]) -> str:
    """Return all figures as a table in Markdown, with aligned columns, and how many targets are held."""
    rows = [HEADS, *(line_of(one) for one in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    lines = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    judged = [held(one) for one in figures if held(one) is not None]
    lines += ["", f"{sum(map(bool, judged))} of {len(judged)} targets are held."]
    return "\n".join(lines)


def machine() -> dict[str, Any]:
    """Return what a reader must know of the machine to compare two files."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
        cwd=FOLDER.parent,
    )
    return {
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "load": [round(one, 1) for one in os.getloadavg()],
    }


def save(figures: Sequence[dict[str, Any]], folder: Path = FOLDER) -> Path:
    """Write the figures into the file of today; figures of other benchmarks that it has already stay. Return its path."""
    now = datetime.now(UTC)
    path = folder / f"{now:%Y-%m-%d}.json"
    new = {one["bench"] for one in figures}
    old = json.loads(path.read_text(encoding="utf-8"))["figures"] if path.exists() else []
    stored = [one for one in old if one["bench"] not in new]
    marked = [{**one, "held": held(one), "at": f"{now:%H:%M}"} for one in figures]
    folder.mkdir(exist_ok=True)
    text = {"date": f"{now:%Y-%m-%d}", "machine": machine(), "figures": [*stored, *marked]}
    path.write_text(json.dumps(text, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
