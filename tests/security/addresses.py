"""Every address of the installation, and the names of the values that its pages read from a request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from tests.test_architecture import ROOT

#: How a page reads a value: `request.GET.get("before")`, `data.get("carrier")`, `parameter_name = "since"`.
READ = re.compile(r"""(?:GET|POST|data|query)\.(?:get|getlist)\(\s*["']([\w-]+)["']|\[["']([\w-]+)["']\]""")
CONSTANT = re.compile(r"""^[A-Z_, ]+ = (["'][a-z_]+["'](?:, ["'][a-z_]+["'])*)""", re.MULTILINE)
FILTER = re.compile(
    r"""parameter_name\b[^=\n]*= [^"'\n]*["'][^"'\n]*["'][^\n]*|parameter_name = ["'](\w+)["']"""
)
PAGES = ("oms", "orders", "inventory", "catalogue", "channels")


def walk(patterns: Sequence[Any], before: str = "", where: str = "") -> Iterator[tuple[str, str]]:
    """(route, name with its namespace) of every address below these patterns."""
    for one in patterns:
        route = before + str(one.pattern)
        if isinstance(one, URLResolver):
            inside = f"{where}{one.namespace}:" if one.namespace else where
            yield from walk(one.url_patterns, route, inside)
        elif isinstance(one, URLPattern):
            yield route, where + (one.name or "")


def every_address() -> list[tuple[str, str]]:
    """(route, name) of every address of this installation."""
    return list(walk(get_resolver().url_patterns))


def read_names() -> set[str]:
    """Return the names that pages read from the query or the form of a request, as far as the source shows them."""
    found = {
        "o",
        "p",
        "q",
        "after",
        "before",
        "rows",
        "view",
        "tab",
        "_popup",
        "_to_field",
        "index",
        "action",
    }
    for package in PAGES:
        for path in (ROOT / package).rglob("*.py"):
            if not {"admin", "app", "stores", "authentication.py", "search"} & set(path.parts):
                continue
            text = path.read_text(encoding="utf-8")
            found.update(name for pair in READ.findall(text) for name in pair if name)
            for constant in CONSTANT.findall(text):
                found.update(re.findall(r"\w+", constant))
            for line in text.splitlines():
                if "parameter_name" in line and "=" in line:
                    found.update(re.findall(r"""["'](\w+)["']""", line))
    return {name for name in found if len(name) < 30}
