"""Bring a channel's row into the form that its TypedDict declares, so that a mapping meets no surprise (`conform`).

The TypedDicts in a connector's `payloads` say which fields are used, and this module enforces it: absent and null
fields, other types and unreadable numbers become empty values with a note; only a field marked `NEEDED` rejects its row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from types import UnionType
from typing import (
    Annotated,
    Any,
    NotRequired,
    Required,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from channels.contract.cleaning import clean_text
from channels.contract.record_limits import EARLIEST, LATEST, MOST_AMOUNT, Unreadable, shown
from channels.contract.translation import gettext as _

T = TypeVar("T")


class _Mark:
    """What a field means beyond its type."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


#: Without this field the row is rejected.
NEEDED = _Mark("needed")
#: An amount of money, which may be text or a number.
AMOUNT = _Mark("amount")

Amount = Annotated[str, AMOUNT]

Reader = Callable[[Any, "Notes", str], Any]
_ABSENT: Any = object()
_SCALARS = (str, int, float, Decimal)


class Notes:
    """The notes about one row: what could not be read and was left empty."""

    def __init__(self) -> None:
        self._texts: dict[str, None] = {}

    def __iter__(self) -> Any:
        return iter(self._texts)

    def add(self, name: str, value: object) -> None:
        """Note that a field (by its name on the channel) has a value that cannot be used."""
        self._texts[_("“%(value)s” in the field %(name)s") % {"value": shown(value), "name": name}] = None

    def time(self, value: Any, parse: Callable[[Any], datetime | None], name: str) -> datetime | None:
        """Return a time, read with the channel's own `parse`; None with a note for one that cannot be read."""
        if value in (None, ""):
            return None
        try:
            found = parse(value)
            if found is None or EARLIEST <= found < LATEST:
                return found
        except (ValueError, TypeError, LookupError, ArithmeticError, OSError):
            pass
        self.add(name, value)
        return None


def conform(schema: type[T], row: Any, notes: Notes) -> T:
    """Return `row` in the form of the TypedDict `schema`; only the fields that it names.

    Raises `Unreadable` where a field that is marked `NEEDED` is absent, null, empty or of another type, in the row itself
    or in a row inside it.
    """
    if not isinstance(row, Mapping):
        raise Unreadable(_("it is “%s” and not a record") % shown(row))
    reader: Reader = _row_reader(cast(Any, schema))
    return cast(T, reader(row, notes, ""))


@cache
def _row_reader(schema: Any) -> Reader:
    hints = get_type_hints(schema, include_extras=True)
    # Not `__required_keys__`: it is wrong where annotations are texts, as in every module here.
    readers = [(name, *_field(hint, is_required=schema.__total__)) for name, hint in hints.items()]

    def read(row: Mapping[str, Any], notes: Notes, path: str) -> dict[str, Any]:
        found = {}
        for name, reader, empty, is_needed in readers:
            value = row.get(name)
            place = f"{path}.{name}" if path else name
            if value is None:
                if is_needed:
                    raise Unreadable(_("the field %s is missing") % place)
                if empty is not _ABSENT:
                    found[name] = empty() if callable(empty) else empty
                continue
            clean = reader(value, notes, place)
            if clean is None or (is_needed and clean == "" and not isinstance(value, (int, float))):
                if is_needed:
                    raise Unreadable(
                        _("“%(value)s” in the field %(name)s cannot be used")
                        % {"value": shown(value), "name": place}
                    )
                if value != "":
                    notes.add(place, value)
                if empty is not _ABSENT:
                    found[name] = empty() if callable(empty) else empty
                continue
            found[name] = clean
        return found

    return read


def _field(hint: Any, *, is_required: bool) -> tuple[Reader, Any, bool]:
    """Return how a field is read, its empty value (`_ABSENT`: it is left out), and whether it is needed."""
    marks: set[Any] = set()
    while True:
        origin = get_origin(hint)
        if origin is Annotated:
            marks.update(hint.__metadata__)
            hint = hint.__origin__
        elif origin in (Required, NotRequired):
            is_required = origin is Required
            (hint,) = get_args(hint)
        else:
            break
    kinds = get_args(hint) if isinstance(hint, UnionType) or get_origin(hint) is Union else (hint,)
    is_nullable = type(None) in kinds
    kinds = tuple(kind for kind in kinds if kind is not type(None))
    reader, empty = _amount if AMOUNT in marks else _kind(kinds), _empty(kinds, AMOUNT in marks)
    if is_nullable:
        empty = None
    return reader, empty if is_required else _ABSENT, NEEDED in marks


def _empty(kinds: tuple[Any, ...], is_amount: bool) -> Any:
    """Return the empty value of a type, or a function that makes it."""
    if is_amount:
        return "0"
    kind = kinds[0]
    if is_typeddict(kind):
        return lambda: _row_reader(kind)({}, Notes(), "")
    origin = get_origin(kind) or kind
    if origin in (list, dict):
        return origin
    return {str: "", int: 0, bool: False}.get(origin)


def _kind(kinds: tuple[Any, ...]) -> Reader:
    """Return the reader of a type. It returns None for a value that cannot be used."""
    if len(kinds) > 1:
        return _scalar
    (kind,) = kinds
    if is_typeddict(kind):  # its reader is made when it is needed: a schema may contain itself
        return lambda value, notes, path: (
            _row_reader(kind)(value, notes, path) if isinstance(value, Mapping) else None
        )
    if get_origin(kind) is list:
        return _list(get_args(kind)[0])
    if get_origin(kind) is dict:
        item = get_args(kind)[1]
        return _mapping if item is Any else _mapping_of(_kind((item,)))
    return {str: _text, int: _whole, bool: _flag}.get(kind, _anything)


def _anything(value: Any, notes: Notes, path: str) -> Any:
    return value


def _scalar(value: Any, notes: Notes, path: str) -> Any:
    return value if isinstance(value, _SCALARS) else None


def _text(value: Any, notes: Notes, path: str) -> str | None:
    if isinstance(value, str):
        return clean_text(value)
    return str(value) if isinstance(value, _SCALARS) else None


def _whole(value: Any, notes: Notes, path: str) -> int | None:
    """Return a whole number, which may be written as “2.00”."""
    if isinstance(value, int):
        return int(value)
    return whole(value)


def whole(value: Any) -> int | None:
    """Return a whole number of at most 40 digits from text or a number; None for anything else."""
    if not isinstance(value, _SCALARS):
        return None
    try:
        number = Decimal(str(value).strip())
    except ArithmeticError:
        return None
    if not number.is_finite() or number.adjusted() > 40 or number != number.to_integral_value():
        return None
    return int(number)


def _flag(value: Any, notes: Notes, path: str) -> bool | None:
    if isinstance(value, bool):
        return value
    return str(value).casefold() in ("1", "true") if isinstance(value, _SCALARS) else None


def _amount(value: Any, notes: Notes, path: str) -> str | None:
    text = str(value).strip() if isinstance(value, _SCALARS) else ""
    try:
        amount = Decimal(text)
    except ArithmeticError:
        return None
    return text if amount.is_finite() and abs(amount) < MOST_AMOUNT else None


def _list(kind: Any) -> Reader:
    reader, _empty_value, _needed = _field(kind, is_required=True)

    def read(value: Any, notes: Notes, path: str) -> list[Any] | None:
        if not isinstance(value, list):
            return None
        found = []
        for item in value:
            clean = None if item is None else reader(item, notes, path)
            if clean is None:
                notes.add(path, item)
            else:
                found.append(clean)
        return found

    return read


def _mapping(value: Any, notes: Notes, path: str) -> dict[str, Any] | None:
    return dict(value) if isinstance(value, Mapping) else None


def _mapping_of(reader: Reader) -> Reader:
    def read(value: Any, notes: Notes, path: str) -> dict[str, Any] | None:
        if not isinstance(value, Mapping):
            return None
        found = {str(key): reader(item, notes, path) for key, item in value.items()}
        return {key: item for key, item in found.items() if item is not None}

    return read
