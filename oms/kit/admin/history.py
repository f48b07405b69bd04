"""The audit log on screens: an entry in words, and the history of one row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, Model
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from oms.kit import audit
from oms.kit.models import AuditEntry

MOST_SHOWN = 200  # entries of one row


@dataclass(frozen=True, slots=True)
class Event:
    """One line of an object's history."""

    at: Any
    who: str
    text: Any


def history_of(*rows: Model, most: int = MOST_SHOWN) -> list[Event]:
    """Return the audit log about these rows as events, newest first."""
    return events_of(audit.entries_about(*rows)[:most], names_subject=len(rows) > 1)


def events_of(entries: Iterable[AuditEntry], *, names_subject: bool = False) -> list[Event]:
    """Return entries as events; `names_subject`: each names its row, for a history of several rows."""
    found = []
    for entry in entries:
        what = audit.words_of(entry.action)
        text = f"{what}: {entry.subject_name}" if names_subject else what
        found.append(Event(entry.at, who(entry), format_html("{}{}", text, changes_html(entry))))
    return found


def who(entry: AuditEntry) -> str:
    """Return the name of the author, and what kind of author it is where that is not a person."""
    kinds = {"channel": _("channel"), "command": _("command"), "system": "", "visitor": ""}
    kind = kinds.get(entry.author_kind, "")
    return f"{entry.author_name} ({kind})" if kind else entry.author_name


def kind_words(label: str) -> str:
    """Return what a model label names: "channels.connection" -> "Store"."""
    try:
        return str(capfirst(str(apps.get_model(label)._meta.verbose_name)))
    except (LookupError, ValueError):
        return label


def changes_html(entry: AuditEntry) -> SafeString:
    """Return the old and new values of an entry as a list; "" where it has none."""
    lines = changes_text(entry)
    if not lines:
        return SafeString("")
    items = format_html_join("", "<li>{}</li>", ((line,) for line in lines))
    return format_html('<ul class="oms-list small">{}</ul>', items)


def changes_text(entry: AuditEntry) -> list[str]:
    """Return "Field: old → new" for each change; "Field changed" where the values are secret."""
    found = []
    for name, old, new in entry.changes:
        field = _field(entry.subject_kind, name)
        label = capfirst(
            str(getattr(field, "verbose_name", "") or name.partition(".")[2] or name.replace("_", " "))
        )
        if name.partition(".")[0] in audit.SECRET:
            found.append(_("%s changed") % label)
        else:
            found.append(f"{label}: {_value(field, old)} → {_value(field, new)}")
    return found


def _field(label: str, name: str) -> Field[Any, Any] | None:
    try:
        found = apps.get_model(label)._meta.get_field(name)
    except (LookupError, ValueError, FieldDoesNotExist):
        return None
    return found if isinstance(found, Field) else None


def _value(field: Field[Any, Any] | None, value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    choices: dict[Any, Any] = dict(getattr(field, "flatchoices", ()) or ())
    return str(choices.get(value, value))
