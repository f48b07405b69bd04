"""The table of the benchmarks and its file: which targets are held, and that other benchmarks' figures stay."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks import _results

FIGURES = [
    {"bench": "ingest", "figure": "ratio_to_floor", "value": 0.6, "unit": "ratio", "target": 0.5},
    {"bench": "ingest", "figure": "statements", "value": 26, "unit": "statements", "target": 25},
    {"bench": "ingest", "figure": "new_orders", "value": 438.25, "unit": "orders/s"},
    {
        "bench": "lists", "figure": "orders", "value": 1.2, "unit": "ratio", "target": 1.3, "kind": "first", "ms": 310.0,
        "twin_ms": 258.0, "statements": 9,
    },
]  # fmt: skip


def test_a_ratio_to_a_floor_must_be_high_and_all_else_low() -> None:
    assert [_results.held(one) for one in FIGURES] == [True, False, None, True]


def test_the_table_says_what_is_compared_and_what_is_missed_beside_the_ratio() -> None:
    lines = _results.table(FIGURES).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| ")]
    assert cells == [
        ["benchmark", "figure", "value", "unit", "compared with", "target", "held"],
        ["ingest", "ratio_to_floor", "0.6", "ratio", "", "≥ 0.5", "yes"],
        ["ingest", "statements", "26", "statements", "", "≤ 25", "no"],
        ["ingest", "new_orders", "438.25", "orders/s", "", "", ""],
        ["lists", "orders", "1.2", "ratio", "310 ms, twin 258 ms", "≤ 1.3", "yes; 9 statements, 310 ms"],
    ]
    assert lines[-1] == "2 of 3 targets are held."


def test_the_file_of_a_day_has_the_newest_figures_of_each_benchmark(tmp_path: Path) -> None:
    _results.save(FIGURES, tmp_path)
    path = _results.save([{**FIGURES[0], "value": 0.4}], tmp_path)
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert [(one["bench"], one["figure"], one["value"], one["held"]) for one in stored["figures"]] == [
        ("lists", "orders", 1.2, True),
        ("ingest", "ratio_to_floor", 0.4, False),
    ]
    assert set(stored["machine"]) == {"commit", "python", "processors", "load"}
    assert len(list(tmp_path.iterdir())) == 1
