"""Kinds of imports: an app registers one for each kind of sheet, made of parts that check, apply and undo rows.

    imports.register(ImportKind(sheet=PRICES, permissions=("catalogue.change_variant",), parts=[PricePart()], ...))
    imports.extend("products", StockPart())          # an upper app adds what the sheet says about its own tables

The parts of a kind see the same rows in their order. A row that one part rejects is applied by none. All writes of a
chunk are one transaction of the caller; a part writes with set-based services, which obey the same rules as a page does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from oms.kit.authors.actors import Author
from oms.kit.sheets.fields import SheetKind
from oms.kit.sheets.records import SheetRecord


class RowsRefused(Exception):
    """Rows cannot be applied or undone as the data is now; the text is one sentence. The caller tries smaller chunks."""


@dataclass(slots=True)
class Draft:
    """One record while it is checked. Parts set what it will do; `reject` makes it a row that comes back.

    `changes` are (field, old, new) as a person reads them. `data` is stored with the row (JSON) and has one entry for each
    part, by the part's name. `is_new`: the row creates something. `subject_id` is the key of the thing that it changes.
    """

    record: SheetRecord
    name: str = ""
    is_new: bool = False
    subject_id: int | None = None
    changes: list[tuple[str, Any, Any]] = field(default_factory=list)
    remarks: list[tuple[str, str, str]] = field(default_factory=list)  # column, code, reason
    data: dict[str, Any] = field(default_factory=dict)
    is_rejected: bool = False
    flags: set[str] = field(default_factory=set)  # large changes: see FLAGS

    def reject(self, column: str, code: str, reason: Any) -> None:
        """Reject the row; `column` is the key of the field that is wrong, "" for the whole row."""
        self.is_rejected = True
        self.remarks.append((column, code, str(reason)))

    def warn(self, column: str, code: str, reason: Any) -> None:
        """Add a remark to a row that goes on."""
        self.remarks.append((column, code, str(reason)))

    def change(self, name: str, old: Any, new: Any) -> None:
        """Note that a field (by key) will change."""
        self.changes.append((name, old, new))


#: Flags of rows that make a large change.
ZEROED, PRICE_HALVED, GUESSED = "zeroed", "price", "guess"


@dataclass(slots=True)
class Session:
    """What the parts know of the import: its number, file and options (`warehouse`, `currency`, …), and who gave it.

    `memory` is the parts' own, for one run of a job: it must not be needed after a crash.
    """

    import_id: int
    file_name: str
    by: Author
    options: Mapping[str, Any] = field(default_factory=dict)
    mapped: frozenset[str] = frozenset()  # the keys of the fields that have a column
    memory: dict[str, Any] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """The reason in histories."""
        return f"Excel: {self.file_name}"[:200]


class Part(Protocol):
    """What one app does with the rows of a kind. `name` is its key in `data`.

    `rows` of the last three are `models.StagedRow`. First every part verifies a chunk, then each writes the rows that none
    refused, in the same transaction.
    """

    name: str

    def check(self, drafts: Sequence[Draft], session: Session) -> None:
        """Look at drafts that no earlier part rejected; reads only, a fixed number of statements."""

    def verify(self, rows: Sequence[Any], session: Session, *, undo: bool) -> Mapping[int, str]:
        """Lock what rows will change; return key of a row → refusal where it is not as the person saw (undo: left) it."""

    def apply(self, rows: Sequence[Any], session: Session) -> None:
        """Write rows; sets `subject_id` of new ones. Raises `RowsRefused`."""

    def undo(self, rows: Sequence[Any], session: Session) -> None:
        """Write the old values of rows again, and remove what they created. Raises `RowsRefused`."""


@runtime_checkable
class Fills(Protocol):
    """A part of an upper app that adds its columns to exported rows, and their allowed values to templates."""

    def fill(self, rows: Sequence[dict[str, Any]]) -> None: ...

    def allowed(self) -> Mapping[str, Sequence[str]]: ...


@dataclass(slots=True)
class ImportKind:
    """One kind of import and export. `permissions` are all needed to import, `export_permission` to export.

    `export` yields one mapping (field key → value) for each row; keys that begin with `_` are for `Fills`. `allowed` returns the allowed values of fields that the
    installation decides (warehouses, stores), for the drop-downs of the template, and `defaults` what is meant where a file
    says nothing (`currency`). `not_stored` are fields that are read and have no place here,
    `asks` fields whose value a person can choose for the rows that name none. `together` returns what keeps rows in
    one chunk (the group of a product), None for a row of its own.
    """

    sheet: SheetKind
    permissions: tuple[str, ...]
    export_permission: str
    parts: list[Part]
    export: Callable[[], Iterable[dict[str, Any]]]
    export_count: Callable[[], int]
    allowed: Callable[[], Mapping[str, Sequence[str]]] = dict
    defaults: Callable[[], Mapping[str, str]] = dict
    not_stored: frozenset[str] = frozenset()
    asks: tuple[str, ...] = ()
    together: Callable[[SheetRecord], str | None] = lambda record: None
    help: Any = ""

    @property
    def key(self) -> str:
        return self.sheet.key

    @property
    def label(self) -> str:
        return str(self.sheet.label)

    def labels(self) -> dict[str, str]:
        """Return field key → the heading of our own sheets."""
        return {one.key: str(one.label) for one in self.sheet.fields}

    def allowed_values(self) -> dict[str, Sequence[str]]:
        """Return the allowed values of fields that have some."""
        found = {one.key: one.allowed for one in self.sheet.fields if one.allowed} | dict(self.allowed())
        for part in self.parts:
            if isinstance(part, Fills):
                found |= part.allowed()
        return found

    def allows(self, user: Any) -> bool:
        """Whether this person may import this kind."""
        return all(user.has_perm(name) for name in self.permissions)

    def allows_export(self, user: Any) -> bool:
        """Whether this person may export this kind."""
        return bool(user.has_perm(self.export_permission))


_kinds: dict[str, ImportKind] = {}
_waiting: dict[str, list[Part]] = {}


def register(kind: ImportKind) -> None:
    """Register a kind; called at start-up. Raises ValueError when its key is taken."""
    if kind.key in _kinds:
        raise ValueError(f"there is already an import kind {kind.key}")
    kind.parts.extend(_waiting.pop(kind.key, ()))
    _kinds[kind.key] = kind


def extend(key: str, part: Part) -> None:
    """Add a part to a kind of a lower app, after its own parts."""
    if key in _kinds:
        _kinds[key].parts.append(part)
    else:
        _waiting.setdefault(key, []).append(part)


def get(key: str) -> ImportKind:
    """Return a kind. Raises LookupError for an unknown key."""
    try:
        return _kinds[key]
    except KeyError:
        raise LookupError(f"there is no import kind {key}") from None


def every() -> list[ImportKind]:
    """Return all kinds in the order of their registration."""
    return list(_kinds.values())


def importable(user: Any) -> list[ImportKind]:
    """Return the kinds that this person may import."""
    return [kind for kind in every() if kind.allows(user)]
