"""The columns of a kind and the known files in words, for `docs/excel-columns.md` and for the explanations of a template."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from oms.kit.sheets.fields import FieldType, SheetField, SheetKind
from oms.kit.sheets.formats import KnownFormat


def type_words(field: SheetField) -> str:
    """Return what a cell of this field may hold."""
    words = {
        FieldType.CODE: _("text, kept exactly"),
        FieldType.TEXT: _("text of one line"),
        FieldType.LONG_TEXT: _("text, HTML included"),
        FieldType.BARCODE: _("8, 12, 13 or 14 digits, as text"),
        FieldType.MONEY: _("amount of at least 0"),
        FieldType.QUANTITY: _("whole number of at least 0"),
        FieldType.NUMBER: _("number of at least 0"),
        FieldType.DATE: _("day, such as 2026-12-31"),
        FieldType.YES_NO: _("yes or no"),
        FieldType.CHOICE: ", ".join(field.allowed),
        FieldType.LINKS: _("web addresses, parted by blanks"),
        FieldType.WORDS: _("words, parted by commas"),
        FieldType.PATHS: _("paths, parted by semicolons; levels by >"),
    }
    return words[field.type]


def columns_table(kind: SheetKind) -> str:
    """Return the columns of a kind as a Markdown table."""
    lines = ["| column | may hold | explanation | other headings that mean it |", "|---|---|---|---|"]
    for field in kind.fields:
        name = f"**{field.label}**" if field.required else str(field.label)
        others = ", ".join(f"`{word}`" for word in dict.fromkeys((*field.synonyms, *field.stand_ins)))
        lines.append(f"| {name} | {type_words(field)} | {field.help} | {others} |")
    return "\n".join(lines)


def formats_table(formats: Iterable[KnownFormat]) -> str:
    """Return the known files as a Markdown table, with the headings by which each is recognised."""
    lines = ["| file | kind | recognised by the headings |", "|---|---|---|"]
    for each in formats:
        headings = ", ".join(f"`{heading}`" for heading in each.tell_tales)
        kinds = ", ".join((each.kind, *each.also))
        lines.append(f"| {each.label} | {kinds} | {headings} |")
    return "\n".join(lines)
