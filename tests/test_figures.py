"""Figures in tables: right-aligned, with thousands separators, on every page (F-45)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.test_architecture import ROOT, modules, parsed, short

pytestmark = pytest.mark.fault("F-45")

CELL = re.compile(r"<td\b(?P<attributes>(?:\"[^\"]*\"|[^>\"])*)>(?P<body>.*?)</td>", re.DOTALL)
TAGS = re.compile(r"<[a-z][^>]*>|\{%\s*(?:if|else|endif|elif|with|for|url|endfor)\b[^%]*%\}|[+−\s]")
#: What a variable is called that is a number of things.
NAMES = (
    "quantity|units|on_hand|allocated|available|shipped|cancelled|missing|before|after|unusable|sent_quantity|"
    "remote_quantity|count|orders|refused|reorder_point"
)
FIGURE = re.compile(rf"^\{{\{{\s*(?:(?:\w+\.)*(?:{NAMES})\s*[|}}]|[\w.]+\|(?:number|money)\b)")
PLAIN = re.compile(rf"\{{\{{\s*(?:\w+\.)*(?:{NAMES})(?:\|default[^}}|]*)?\s*\}}\}}")
#: Attributes, and sentences, whose figures are given with their own filters.
NOT_SHOWN = re.compile(r"=\"[^\"]*\"|\{% blocktrans.*?endblocktrans %\}", re.DOTALL)
TEMPLATES = sorted([*(ROOT / "templates").rglob("*.html"), *(ROOT / "oms/kit/templates").rglob("*.html")])
#: Tables whose last column is aligned by their own class.
SUMS = re.compile(r"<table class=\"d-sum\">.*?</table>", re.DOTALL)
SUM_ROWS = {"templates/inventory/parts/allocated_row.html", "templates/inventory/parts/offer_sum.html"}


def cells(text: str) -> Iterator[tuple[str, str]]:
    for found in CELL.finditer(text):
        yield found["attributes"], found["body"]


def left_figures(text: str) -> list[str]:
    """The cells of a template that begin with a figure and are not right-aligned."""
    found = []
    for attributes, body in cells(SUMS.sub("", text)):
        classes = set(re.findall(r"[\w-]+", "".join(re.findall(r'class="([^"]*)"', attributes))))
        start = TAGS.sub("", body)
        if FIGURE.match(start) and "×" not in body and not classes & {"num", "oms-right"}:
            found.append(" ".join(body.split())[:80])
    return found


def plain_figures(text: str) -> list[str]:
    """The figures in cells that are written without `|number`, that is, without separators."""
    return [found for _attributes, body in cells(text) for found in PLAIN.findall(NOT_SHOWN.sub("", body))]


def test_the_rule_finds_what_it_looks_for() -> None:
    assert left_figures("<td>{{ row.units|number }}</td>") == ["{{ row.units|number }}"]
    assert left_figures('<td class="strong">−{{ row.on_hand }}</td>') == ["−{{ row.on_hand }}"]
    assert left_figures("<td><strong>{{ row.price|money:store.currency }}</strong></td>") != []
    assert left_figures('<td class="num">{{ row.units|number }}</td><td>{{ row.name }}</td>') == []
    assert plain_figures("<td>{{ row.units }}</td>") == ["{{ row.units }}"]
    assert plain_figures('<td>{{ row.units|number }} <a title="{{ row.units }}">x</a></td>') == []


def test_figures_in_cells_are_right_aligned() -> None:
    guilty = {
        short(path): found
        for path in TEMPLATES
        if short(path) not in SUM_ROWS and (found := left_figures(path.read_text(encoding="utf-8")))
    }
    assert guilty == {}


def test_figures_in_cells_have_separators() -> None:
    guilty = {
        short(path): found for path in TEMPLATES if (found := plain_figures(path.read_text(encoding="utf-8")))
    }
    assert guilty == {}


def test_columns_of_lists_with_figures_are_right_aligned() -> None:
    """A method with `@cell` that returns `number(…)` or `money(…)` is of the kind "num"."""
    guilty = []
    for path in modules():
        if "admin" not in path.relative_to(ROOT).parts:
            continue
        for node in ast.walk(parsed(path)):
            if not isinstance(node, ast.FunctionDef):
                continue
            kinds = [one for one in node.decorator_list if ast.unparse(one).startswith("cell(")]
            shown = {
                ast.unparse(part.value.func)
                for part in ast.walk(node)
                if isinstance(part, ast.Return) and isinstance(part.value, ast.Call)
            }
            if kinds and shown & {"number", "money", "money_text"} and "'num" not in ast.unparse(kinds[0]):
                guilty.append(f"{short(path)}: {node.name}")
    assert guilty == []
