"""Every string that a person reads is translatable: it is in a gettext call, or in a translating tag of a template.

Found without running anything: errors that staff see, reasons of capabilities, messages, labels of the admin, sentences in
connectors, and the text of templates.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

from tests.support.texts import (
    GETTEXT,
    Text,
    called,
    gettext_names,
    has_words,
    is_gettext,
    literals,
    modules,
    parsed,
    short,
    template_texts,
    templates,
)

#: Errors whose text a person reads; their subclasses are found in the code.
ROOTS = {
    "ChannelError",
    "StockError",
    "OrderError",
    "CatalogueError",
    "StoreError",
    "StatusMapError",
    "CannotSync",
    "JobFailed",
    "NotListed",
    "UnreadableOrder",
    "ValidationError",
    "PermissionDenied",
}
#: Errors that only an engineer reads, in a traceback or a log.
FOR_ENGINEERS = {
    "AssertionError",
    "AttributeError",
    "ImproperlyConfigured",
    "KeyError",
    "LookupError",
    "NotImplementedError",
    "RuntimeError",
    "TypeError",
    "ValueError",
}
REASONS = {"no", "off", "yes", "Support"}
MESSAGES = {"debug", "info", "success", "warning", "error", "message_user", "add_message"}
LABELS = {
    "description",
    "empty_value_display",
    "help_text",
    "label",
    "placeholder",
    "short_description",
    "title",
}
LABELS |= {"verbose_name", "verbose_name_plural"}
LOGS = {"debug", "info", "warning", "error", "exception", "critical", "log"}

#: Words that are the same in every language, and the notice whose English text Etsy's terms prescribe.
NAMES = re.compile(
    r"The term 'Etsy' is a trademark.*|Manifold OMS|BigCommerce|OpenCart|OnBuy|Etsy|Offline|Sendcloud|Royal Mail Click & Drop|GitHub|django-q2|https?://\S+|\bxlsx\b|\bv\d|\bms\b|\bkg\b|\bid\b"
)
SENTENCE = re.compile(r"^[A-Z“…][^\n]*\s[^\n]*\s[^\n]*[.!?…:]$")


def is_for_people(text: Text) -> bool:
    return has_words(NAMES.sub("", text.text))


@lru_cache
def errors_for_people() -> frozenset[str]:
    """The names of our exception classes whose text a person reads."""
    bases: dict[str, set[str]] = {}
    for path in modules():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ClassDef):
                names = {
                    base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
                    for base in node.bases
                }
                bases.setdefault(node.name, set()).update(names)
    found = set(ROOTS)
    while more := {name for name, parents in bases.items() if parents & found} - found:
        found |= more
    return frozenset(found)


def first_texts(
    node: ast.Call, path: Path, *, names: tuple[str, ...] = ("message", "reason")
) -> Iterator[Text]:
    """The literals of a call's first argument, by position or by one of these names."""
    for argument in node.args[:1]:
        yield from literals(argument, path, kind="error")
    for keyword in node.keywords:
        if keyword.arg in names:
            yield from literals(keyword.value, path, kind="error")


def is_admin(path: Path) -> bool:
    return bool({"admin", "screens"} & set(path.parts)) or path.name == "admin.py"


def of_calls(path: Path) -> Iterator[Text]:
    """Errors, reasons and messages."""
    for node in ast.walk(parsed(path)):
        if not isinstance(node, ast.Call):
            continue
        name = called(node)
        if is_gettext(node, path):
            # A text that is put together before the call is not the one that a translator has seen.
            yield from (
                text
                for argument in node.args[:1]
                if isinstance(argument, ast.JoinedStr | ast.BinOp)
                for text in literals(argument, path, kind="screen")
            )
        elif name in errors_for_people():
            yield from first_texts(node, path)
        elif name in REASONS and path.name in ("channel.py", "spec.py"):
            arguments = node.args[-1:] if name == "Support" else node.args[:1]
            for argument in arguments:
                yield from literals(argument, path, kind="error")
            yield from first_texts(ast.Call(node.func, [], node.keywords), path)
        elif name in MESSAGES and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id in ("messages", "self") and len(node.args) > 1:
                for argument in node.args[1:3]:
                    yield from literals(argument, path, kind="screen")


def of_labels(path: Path) -> Iterator[Text]:
    """Labels: in an admin package every one, elsewhere those of a channel's settings and of model fields."""
    if not is_admin(path) and path.name != "channel.py":
        return
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.keyword) and node.arg in LABELS:
            yield from literals(node.value, path, kind="screen")
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                yield from _assigned(target, node.value, path)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield from _assigned(node.target, node.value, path)


def _assigned(target: ast.expr, value: ast.expr, path: Path) -> Iterator[Text]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, each in zip(target.elts, value.elts, strict=False):
            yield from _assigned(one, each, path)
    elif isinstance(target, ast.Name | ast.Attribute):
        name = target.id if isinstance(target, ast.Name) else target.attr
        if name in LABELS:
            yield from literals(value, path, kind="screen")


def of_connectors(path: Path) -> Iterator[Text]:
    """Every whole sentence in a connector and in the contract, wherever it stands: in a table, an argument, a return.

    Docstrings, logs, details for the log, comparisons and errors for engineers are none.
    """
    if not {"connectors", "contract"} & set(path.parts):
        return
    yield from _sentences(parsed(path), path)


def _sentences(node: ast.AST, path: Path) -> Iterator[Text]:
    if isinstance(node, ast.Constant | ast.JoinedStr):
        yield from (text for text in literals(node, path, kind="error") if SENTENCE.match(text.text))
        return
    if is_gettext(node, path) or isinstance(node, ast.Compare):
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.Call) and (called(node) in FOR_ENGINEERS or called(node) in LOGS):
        return
    if isinstance(node, ast.keyword) and node.arg == "detail":
        return
    for child in ast.iter_child_nodes(node):
        yield from _sentences(child, path)


def untranslated(path: Path) -> list[str]:
    """What a module says to people outside of gettext, by line."""
    found = {*of_calls(path), *of_labels(path), *of_connectors(path)}
    return [str(text) for text in sorted(found, key=lambda text: text.line) if is_for_people(text)]


@pytest.mark.parametrize("path", modules(), ids=short)
def test_what_a_module_says_is_translatable(path: Path) -> None:
    assert untranslated(path) == []


@pytest.mark.parametrize("path", templates(), ids=short)
def test_what_a_template_says_is_translatable(path: Path) -> None:
    assert [str(text) for text in template_texts(path).bare if is_for_people(text)] == []


@pytest.mark.parametrize("path", [path for path in modules() if gettext_names(path)], ids=short)
def test_makemessages_knows_the_name_of_gettext(path: Path) -> None:
    """`makemessages` collects the calls of `_` and of Django's own names: a text in `_t(…)` reaches no translator."""
    assert sorted(gettext_names(path) - GETTEXT - {"_"}) == []


# ------------------------------------------------------------------------------------------- the finders
def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("services/a.py", 'raise StockError("There are only 3 units.")'),
        ("services/a.py", 'raise AuthError(f"The key of {name} is wrong.", detail="text of the log")'),
        ("services/a.py", 'raise Rejected("No such SKU: %s" % sku)'),
        ("services/a.py", 'raise StockError("one" if a else _("two"))'),
        ("views.py", 'messages.success(request, "Saved.")'),
        ("views.py", 'title = _(f"Order {number}")'),
        ("views.py", 'title = _("Order %s" % number)'),
        ("x/channel.py", 'A = off("The channel has no webhooks")'),
        ("admin/a.py", 'title, parameter_name = "kind", "kind"'),
        ("admin/a.py", 'cell(description="tracking number")'),
        ("connectors/x/products.py", 'REASONS = {1: "A product needs a title."}'),
        ("connectors/x/products.py", 'return Outcome(ref, "The title is too long.")'),
    ],
)
def test_a_bare_text_is_found(tmp_path: Path, name: str, line: str) -> None:
    source = f"from django.utils.translation import gettext as _\n\n\ndef act():\n    {line}\n"
    [said] = untranslated(write(tmp_path, name, source))
    assert said.startswith("line 5: ")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("services/a.py", 'raise StockError(_("There are only %d units.") % units)'),
        (
            "services/a.py",
            'raise Rejected(_("No such SKU."), code="no_such_sku", detail="GET it failed there.")',
        ),
        ("services/a.py", "raise StockError(str(error))"),
        ("services/a.py", 'raise StockError(f"{sku}: {error}")'),
        ("services/a.py", 'raise ValueError("An engineer reads this.")'),
        ("views.py", 'messages.success(request, _("Saved."))'),
        ("views.py", 'log.info("This is for the log %s", each)'),
        ("x/channel.py", 'A = off(_("The channel has no webhooks"))'),
        ("admin/a.py", 'title, parameter_name = _("kind"), "kind"'),
        ("services/a.py", 'title = "kind"'),
        ("connectors/x/products.py", '"""What it does, in a docstring."""'),
        ("connectors/x/products.py", 'return "Not found there." in answer.text'),
    ],
)
def test_a_translated_text_is_not_found(tmp_path: Path, name: str, line: str) -> None:
    source = f"from django.utils.translation import gettext as _\n\n\ndef act():\n    {line}\n"
    assert untranslated(write(tmp_path, name, source)) == []


def test_bare_and_translated_texts_of_a_template(tmp_path: Path) -> None:
    page = write(
        tmp_path,
        "a.html",
        """{% load i18n %}{# Not read. #}
<h1>{% trans "Open orders" %}</h1>
<p title="Bare title">{{ order.number }} bare words</p>
{% blocktrans count n=3 %}{{ n }} order{% plural %}{{ n }} orders{% endblocktrans %}
{% button "Bare button" kind="main" %}{% button _("Save") name="do" value="send" %}{% card title="Bare card" %}
<script>let bare = "code";</script>&nbsp;<code>pip install</code> {{ value|default:"–" }} · 12
""",
    )
    texts = template_texts(page)
    assert [text.text for text in texts.bare] == ["Bare button", "Bare card", "Bare title", "bare words"]
    assert [(text.line, text.text) for text in texts.translated] == [
        (4, "… order…… orders"),
        (2, "Open orders"),
        (5, "Save"),
    ]
