"""The audit log: every change that a person, a command or a channel made to settings, products, users and stores.

A service calls `record` (or `watch`) in the transaction of its change:

    with audit.watch(row, "name", "options", what="store.settings"):
        row.name = name
        row.save()

Orders have their timeline and stock has its movements; both name their author too. What the log may not hold: secrets
(`SECRET` fields are "changed", without values).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, Model
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from oms.kit import actors
from oms.kit.bulk import insert, make
from oms.kit.models import AuditEntry

#: Fields whose values are never written into the log.
SECRET = frozenset({"credentials", "webhook_secret", "password"})
LONGEST = 300  # letters of one value

#: What was done -> its words; the key is stored. An app adds its own with `declare`.
ACTIONS: dict[str, Any] = {
    "added": _("Added"),
    "changed": _("Changed"),
    "deleted": _("Deleted"),
}


def declare(actions: Mapping[str, Any]) -> None:
    """Add kinds of change with their words; apps call it in `registrations`."""
    ACTIONS.update(actions)


def words_of(action: str) -> str:
    """Return the words of a kind of change."""
    return str(ACTIONS.get(action, action))


def record(
    what: str,
    subject: Model,
    changes: Mapping[str, tuple[Any, Any]] | None = None,
    *,
    by: actors.Author | None = None,
    store: int | None = None,
) -> None:
    """Add one entry: `what` was done to `subject`, with the old and the new value of each field.

    `by` is by default the author of the present request, command or task. `store` is the key of the store that it is
    about, where the subject does not name it.
    """
    record_many(what, [(subject, changes or {})], by=by, store=store)


def record_many(
    what: str,
    rows: Iterable[tuple[Model, Mapping[str, tuple[Any, Any]]]],
    *,
    by: actors.Author | None = None,
    store: int | None = None,
) -> None:
    """Add one entry for each (subject, changes), in one statement."""
    author = by or actors.current()
    insert(
        [
            make(
                AuditEntry,
                author_kind=author.kind[:10],
                author_id=author.user_id,
                author_name=author.label[:60],
                action=what[:40],
                subject_kind=subject._meta.label_lower,
                subject_id=subject.pk,
                subject_name=str(subject)[:200],
                connection_id=store or _store_of(subject),
                changes=[[name, *_pair(name, old, new)] for name, (old, new) in changes.items()],
            )
            for subject, changes in rows
        ],
        keys=False,
    )


def record_fact(
    what: str, name: str, changes: Mapping[str, tuple[Any, Any]], *, by: actors.Author | None = None
) -> None:
    """Add an entry that is about no row; `name` says what it is about."""
    author = by or actors.current()
    AuditEntry.objects.create(
        author_kind=author.kind[:10],
        author_id=author.user_id,
        author_name=author.label[:60],
        action=what[:40],
        subject_name=name[:200],
        changes=[[field, *_pair(field, old, new)] for field, (old, new) in changes.items()],
    )


@contextmanager
def watch(
    row: Model, *fields: str, what: str = "changed", by: actors.Author | None = None, store: int | None = None
) -> Iterator[None]:
    """Record how these fields of `row` differ after the block; nothing is recorded when none does."""
    before = snapshot(row, fields)
    yield
    if changes := difference(before, snapshot(row, fields)):
        record(what, row, changes, by=by, store=store)


def snapshot(row: Model, fields: Iterable[str]) -> dict[str, Any]:
    """Return the values of fields as the log shows them; a JSON object is taken apart."""
    found: dict[str, Any] = {}
    for name in fields:
        value = getattr(row, name)
        if name not in SECRET and isinstance(value, dict):
            found.update({f"{name}.{key}": value[key] for key in sorted(value)})
        else:
            found[name] = value
    return found


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return field -> (old, new) of what differs."""
    names = dict.fromkeys([*before, *after])
    return {n: (before.get(n), after.get(n)) for n in names if before.get(n) != after.get(n)}


def entries_about(*subjects: Model) -> Any:
    """Return the entries about these rows, newest first."""
    found = AuditEntry.objects.none()
    for one in subjects:
        found = found | AuditEntry.objects.filter(subject_kind=one._meta.label_lower, subject_id=one.pk)
    return found.order_by("-pk")


def _store_of(subject: Model) -> int | None:
    if subject._meta.label_lower == "channels.connection":
        return int(subject.pk)
    found = getattr(subject, "connection_id", None)
    return found if isinstance(found, int) else None


def _pair(name: str, old: Any, new: Any) -> tuple[Any, Any]:
    return (None, None) if name.partition(".")[0] in SECRET else (_plain(old), _plain(new))


def _plain(value: Any) -> Any:
    """Return a value that JSON stores and a person reads."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping):
        value = ", ".join(f"{key}: {value[key]}" for key in sorted(value))
    elif isinstance(value, list | tuple | set | frozenset):
        value = ", ".join(sorted(map(str, value)) if isinstance(value, set | frozenset) else map(str, value))
    return str(value)[:LONGEST]


# ---------------------------------------------------------------- in words

MOST_SHOWN = 200  # entries of one row


@dataclass(frozen=True, slots=True)
class Event:
    """One line of an object's history."""

    at: Any
    who: str
    text: Any


def history_of(*rows: Model, most: int = MOST_SHOWN) -> list[Event]:
    """Return the audit log about these rows as events, newest first."""
    return events_of(entries_about(*rows)[:most], names_subject=len(rows) > 1)


def events_of(entries: Iterable[AuditEntry], *, names_subject: bool = False) -> list[Event]:
    """Return entries as events; `names_subject`: each names its row, for a history of several rows."""
    found = []
    for entry in entries:
        what = words_of(entry.action)
        text = f"{what}: {entry.subject_name}" if names_subject else what
        found.append(Event(entry.at, who(entry), format_html("{}{}", text, changes_html(entry))))
    return found


def who(entry: AuditEntry) -> str:
    """Return the name of the author, and what kind of author it is where that is not a person."""
    kinds = {"channel": gettext("channel"), "command": gettext("command"), "system": "", "visitor": ""}
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
    # No list: these are inside the list of a history, whose style would reach its inner list.
    return format_html_join("", '<div class="oms-small small">{}</div>', ((line,) for line in lines))


def changes_text(entry: AuditEntry) -> list[str]:
    """Return "Field: old → new" for each change; "Field changed" where the values are secret."""
    found = []
    for name, old, new in entry.changes:
        field = _field(entry.subject_kind, name)
        label = capfirst(
            str(getattr(field, "verbose_name", "") or name.partition(".")[2] or name.replace("_", " "))
        )
        if name.partition(".")[0] in SECRET:
            found.append(gettext("%s changed") % label)
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
        return gettext("Yes") if value else gettext("No")
    choices: dict[Any, Any] = dict(getattr(field, "flatchoices", ()) or ())
    return str(choices.get(value, value))
