"""The texts that people read, found in templates, Python modules and documents, each with its line.

Templates are taken apart with regular expressions, modules with `ast`. Nothing is imported or rendered.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("oms", "orders", "inventory", "catalogue", "channels")

#: "screen": templates and translated messages. "error": an exception raised with a literal. "document": Markdown.
Kind = Literal["screen", "error", "document"]


FILLED_IN = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w+\}")


@dataclass(frozen=True, slots=True)
class Text:
    """One text, the line on which it begins, and where people meet it."""

    line: int
    text: str
    kind: Kind

    @property
    def plain(self) -> str:
        """The text with … for what is filled in: `%(name)s`, `%d` and `{name}` are no words."""
        return FILLED_IN.sub("…", self.text) if self.kind != "document" else self.text

    def __str__(self) -> str:
        return f"line {self.line}: “{' '.join(self.text.split())[:110]}”"


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def is_generated(path: Path) -> bool:
    """Whether the folder holds code that Django writes, or a sandbox: a stand-in for the pages of a channel."""
    return bool({"migrations", "sandbox", "sandbox.py", "__pycache__"} & set(path.parts))


def modules() -> list[Path]:
    return sorted(
        path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if not is_generated(path)
    )


def templates() -> list[Path]:
    folders = [ROOT / "templates", *(ROOT / package for package in PACKAGES)]
    return sorted(path for folder in folders for path in folder.rglob("*.html") if not is_generated(path))


def documents() -> list[Path]:
    folders = [ROOT / name for name in ("docs", "contrib", "benchmarks")]
    return sorted([*ROOT.glob("*.md"), *(path for folder in folders for path in folder.rglob("*.md"))])


# ---------------------------------------------------------------------------------------------- documents
CODE_SPAN = re.compile(r"`[^`\n]+`")
LINK_TARGET = re.compile(r"\]\([^)\s]+\)")


def document_texts(path: Path) -> list[Text]:
    """The lines of a Markdown page, without code spans, link targets, and the "not" column of the glossary.

    Of a code block only the comments are read.
    """
    found = []
    is_code = False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.lstrip().startswith("```"):
            is_code = not is_code
            continue
        if is_code:
            line = line.partition("# ")[2]
        if path.name == "glossary.md" and line.startswith("|"):
            line = line.rstrip().removesuffix("|").rpartition("|")[0]
        found.append(Text(number, LINK_TARGET.sub("]", CODE_SPAN.sub("`…`", line)), "document"))
    return found


# ---------------------------------------------------------------------------------------------- templates
COMMENT = re.compile(r"\{#.*?#\}|\{%\s*comment\b.*?%\}.*?\{%\s*endcomment\s*%\}|<!--.*?-->", re.DOTALL)
#: Code, drawings, the names of icons, and blocks that fill an attribute.
SCRIPT = re.compile(r"<(script|style|svg|code)\b.*?</\1>", re.DOTALL)
ICON = re.compile(r'<span class="material-symbols[^>]*>[^<]*</span>')
IN_ATTRIBUTE = re.compile(r"\{%\s*block \w*class\w* %\}.*?\{% endblock[^%]*%\}", re.DOTALL)
BLOCK = re.compile(
    r"\{%\s*block(?:trans|translate)\b.*?%\}(.*?)\{%\s*endblock(?:trans|translate)\s*%\}", re.DOTALL
)
TAG = re.compile(r"\{%(.*?)%\}|\{\{(.*?)\}\}", re.DOTALL)
STRING = re.compile(r'(_\(\s*)?("(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\')')
ELEMENT = re.compile(r"<[^<>]*>")
ATTRIBUTE = re.compile(r"""\b(title|placeholder|aria-label|alt|value|data-label)\s*=\s*("[^"]*"|'[^']*')""")
TRANSLATING = ("trans", "translate")


def _blank(text: str) -> str:
    """The same number of lines, and nothing else, so that line numbers stay."""
    return " " + "\n" * text.count("\n")


def _line(source: str, position: int) -> int:
    return source.count("\n", 0, position) + 1


@dataclass(frozen=True, slots=True)
class TemplateTexts:
    """What a template says: in a translating tag, and outside of one."""

    translated: tuple[Text, ...]
    bare: tuple[Text, ...]


@lru_cache
def template_texts(path: Path) -> TemplateTexts:
    source = path.read_text(encoding="utf-8")
    for pattern in (COMMENT, SCRIPT, ICON, IN_ATTRIBUTE):
        source = pattern.sub(lambda found: _blank(found[0]), source)
    translated: list[Text] = []
    bare: list[Text] = []

    def block(found: re.Match[str]) -> str:
        words = TAG.sub("…", found[1])
        translated.append(Text(_line(source, found.start(1)), ELEMENT.sub("", words), "screen"))
        return _blank(found[0])

    def tag(found: re.Match[str]) -> str:
        inside = found[1] if found[1] is not None else found[2]
        name = inside.split(maxsplit=1)[0] if inside.strip() else ""
        for at, string in enumerate(STRING.finditer(inside)):
            text = Text(_line(source, found.start()), string[2][1:-1], "screen")
            if string[1] or (name in TRANSLATING and at == 0):
                translated.append(text)
            elif _is_shown(name, inside, string):
                bare.append(text)
        return _blank(found[0])

    source = BLOCK.sub(block, source)
    source = TAG.sub(tag, source)
    for found in ATTRIBUTE.finditer(source):
        if found[1] != "value":
            bare.append(Text(_line(source, found.start()), found[2][1:-1], "screen"))
    plain = ELEMENT.sub(lambda found: _blank(found[0]), source)
    bare.extend(
        Text(number, line.strip(), "screen") for number, line in enumerate(plain.splitlines(), start=1)
    )
    return TemplateTexts(tuple(translated), tuple(text for text in bare if has_words(text.text)))


#: Tags of ours whose first string a person reads, and the names of arguments that a person reads.
_SHOWING = {"button", "badge", "nothing"}
_SHOWN_ARGUMENT = re.compile(r"\b(title|label|action|text|placeholder|help_text|heading|name)=$")


def _is_shown(tag: str, inside: str, string: re.Match[str]) -> bool:
    before = inside[: string.start()]
    if tag in _SHOWING and before.strip() == tag:
        return True
    argument = _SHOWN_ARGUMENT.search(before)
    return bool(argument) and argument is not None and argument[1] != "name" and tag not in ("include", "url")


def has_words(text: str) -> bool:
    """Whether a person has something to translate: a word with small letters, once entities are gone."""
    return bool(re.search(r"[a-zà-ÿ]{2}", re.sub(r"&#?\w+;", "", text)))


# ------------------------------------------------------------------------------------------------ modules
GETTEXT = {"gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy", "npgettext", "npgettext_lazy"}  # fmt: skip


@lru_cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@lru_cache
def gettext_names(path: Path) -> frozenset[str]:
    """The names under which a module calls gettext: imports from Django's `translation` or from the contract's."""
    names = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").endswith(".translation"):
            names |= {alias.asname or alias.name for alias in node.names if alias.name in GETTEXT}
    return frozenset(names)


def called(node: ast.AST) -> str:
    """The last part of the name that a call calls: `messages.success(…)` is `success`."""
    if not isinstance(node, ast.Call):
        return ""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def is_gettext(node: ast.AST, path: Path) -> bool:
    name = called(node)
    return name in gettext_names(path) or (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and name in GETTEXT
    )


def literals(node: ast.AST, path: Path, *, kind: Kind) -> Iterator[Text]:
    """The strings that an expression is made of; not those in a gettext call, nor arguments of other calls."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield Text(node.lineno, node.value, kind)
    elif isinstance(node, ast.JoinedStr):
        said = "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        yield Text(node.lineno, said, kind)
        # What stands in the braces may be a string too: f"{'a' if b else 'c'}".
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                yield from literals(part.value, path, kind=kind)
    elif isinstance(node, ast.BinOp):
        yield from literals(node.left, path, kind=kind)
        if isinstance(node.op, ast.Add):
            yield from literals(node.right, path, kind=kind)
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from literals(value, path, kind=kind)
    elif isinstance(node, ast.IfExp):
        yield from literals(node.body, path, kind=kind)
        yield from literals(node.orelse, path, kind=kind)
    elif isinstance(node, ast.Call) and not is_gettext(node, path):
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("format", "join", "strip"):
            yield from literals(node.func.value, path, kind=kind)
        elif isinstance(node.func, ast.Name) and node.func.id == "str":
            for argument in node.args:
                yield from literals(argument, path, kind=kind)


#: Arguments and class attributes that Django, its admin and its commands show to a person.
SHOWN = {"help", "help_text", "verbose_name", "verbose_name_plural"}


@lru_cache
def message_texts(path: Path) -> tuple[Text, ...]:
    """What a module says to people: gettext calls, help texts and names of fields, errors raised with a literal."""
    found: list[Text] = []
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call) and is_gettext(node, path):
            found += [text for each in node.args for text in literals(each, path, kind="screen")]
        elif (isinstance(node, ast.keyword) and node.arg in SHOWN) or (
            isinstance(node, ast.Assign)
            and any(isinstance(target, ast.Name) and target.id in SHOWN for target in node.targets)
        ):
            found += literals(node.value, path, kind="screen")
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            found += [text for each in node.exc.args for text in literals(each, path, kind="error")]
    return tuple(found)


def texts_of(path: Path) -> tuple[Text, ...]:
    """Every text of a file that a person reads."""
    if path.suffix == ".md":
        return tuple(document_texts(path))
    if path.suffix == ".html":
        both = template_texts(path)
        return (*both.translated, *both.bare)
    return message_texts(path)
