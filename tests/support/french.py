"""What has to be translated (code and templates), and what is: the entries of a .po file."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.utils.translation.template import templatize

from tests.support.texts import ROOT, modules, templates

#: Function of django.utils.translation → the place of the message among its arguments.
PLACES = {
    "gettext": 0, "gettext_lazy": 0, "gettext_noop": 0, "ngettext": 0, "ngettext_lazy": 0,
    "pgettext": 1, "pgettext_lazy": 1, "npgettext": 1, "npgettext_lazy": 1,
}  # fmt: skip
QUOTED = r"u?('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
CALL = re.compile(rf"\b(n?gettext|_)\(\s*{QUOTED}|\bn?pgettext\(\s*{QUOTED}\s*,\s*{QUOTED}")


@dataclass(slots=True)
class Entry:
    """One message and its translation; `texts` has two for a message with a plural."""

    source: str = ""
    plural: str = ""
    context: str = ""
    is_fuzzy: bool = False
    texts: list[str] = field(default_factory=list)


def entries(path: Path) -> Iterator[Entry]:
    """Yield the messages of a .po file; obsolete ones and the header are left out."""
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        entry, where = Entry(), ""
        parts: dict[str, str] = {}
        for line in block.splitlines():
            if line.startswith("#"):
                entry.is_fuzzy |= line.startswith("#,") and "fuzzy" in line
                continue
            name, quote, rest = line.partition('"')
            where = name.strip() or where
            if quote:
                parts[where] = parts.get(where, "") + ast.literal_eval('"' + rest)
        entry.source, entry.plural = parts.get("msgid", ""), parts.get("msgid_plural", "")
        entry.context = parts.get("msgctxt", "")
        names = ("msgstr[0]", "msgstr[1]") if entry.plural else ("msgstr",)
        entry.texts = [parts.get(one, "") for one in names]
        if entry.source:
            yield entry


def said_in_code() -> Iterator[str]:
    """Yield every message that a module translates."""
    for path in modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {
            alias.asname or alias.name: PLACES[alias.name]
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
            for alias in node.names
            if alias.name in PLACES
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                place = names[node.func.id]
                said = node.args[place] if len(node.args) > place else None
                if isinstance(said, ast.Constant) and isinstance(said.value, str) and said.value:
                    yield said.value


def said_in_templates() -> Iterator[str]:
    """Yield every message that a template of ours translates, as Django reads it."""
    for path in templates():
        if not path.is_relative_to(ROOT / "templates") and "templates" not in path.parts:
            continue
        for found in CALL.finditer(templatize(path.read_text(encoding="utf-8"))):
            yield str(ast.literal_eval(found[2] or found[4]))
