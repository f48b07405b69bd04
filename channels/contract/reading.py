"""Read native rows into a page of records; cut a list of ids into slices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from channels.contract.errors import Rejected, TemporaryError
from channels.contract.records.native import hash_native
from channels.contract.records.pages import Page, RefusedRow
from channels.contract.translation import gettext as _
from oms.kit.numbers import grouped

T = TypeVar("T")

#: The errors of a mapping function for a row that it cannot read.
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """Return the records of a list; [] for anything that is no list. What is no record is left out."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def list_in(answer: Any, name: str, label: str) -> list[Any]:
    """Return the list `name` of an answer; raise `TemporaryError` where the answer has none (`label`: the channel)."""
    found = answer.get(name) if isinstance(answer, Mapping) else None
    if not isinstance(found, list):
        raise TemporaryError(
            _("%s answered in a form that it does not document. Manifold tries again.") % label, code="form"
        )
    return found


MOST_ROWS = 5000


class IdSlice(NamedTuple):
    """Some of the requested ids, and the page token of the rest (None: no rest)."""

    ids: Sequence[str]
    next_page: str | None


def id_slice(ids: Sequence[str], page: str | None, size: int) -> IdSlice:
    """Return the `size` ids of the page token `page` (None: the first ones).

    The token is the position in `ids`, so `ids` must be the same for every page of one scan.
    """
    start = int(page or 0)
    end = start + size
    return IdSlice(ids[start:end], str(end) if end < len(ids) else None)


def read_rows(
    rows: Iterable[Any],
    read: Callable[[Any], T | None],
    key: str,
    label: str,
    *,
    next_page: str | None = None,
    total: int | None = None,
) -> Page[T]:
    """Map native rows to records with `read`; a row that cannot be read is refused, the others are not affected.

    `read` may return None for a row that is not wanted. `key` is the field that holds a row's external id, `label`
    names the channel in the reason. `next_page` and `total` go into the page unchanged. Raises `Rejected` for more than
    5,000 rows: no channel has such pages, and each row that cannot be read is stored.
    """
    records: list[T] = []
    refused: list[RefusedRow] = []
    for number, row in enumerate(rows, start=1):
        if number > MOST_ROWS:
            raise Rejected(
                _("%(channel)s answered with more than %(count)s rows.")
                % {"channel": label, "count": grouped(MOST_ROWS)},
                code="too_large",
            )
        try:
            record = read(row)
        except UNREADABLE as error:
            refused.append(unreadable(row, key, error, label))
        except Rejected as error:  # of a further call for this row alone
            refused.append(replace(unreadable(row, key, error, label), reason=error.message))
        else:
            if record is not None:
                records.append(record)
    return Page(records, next_page, refused, total)


def absent(page: Page[T], ids: Iterable[str], found: Iterable[str]) -> Page[T]:
    """Return a page of requested records with those of `ids` as missing that are not among `found`."""
    have = set(found) | {row.external_id for row in page.refused}
    return replace(page, missing=[external_id for external_id in ids if external_id not in have])


def readable(rows: Any, read: Callable[[Any], T]) -> list[T]:
    """Map the rows of a short list without an id that a person could retry; what cannot be read is left out."""
    found: list[T] = []
    for row in rows if isinstance(rows, list) else ():
        with suppress(*UNREADABLE):
            found.append(read(row))
    return found


def unreadable(row: Any, key: str, error: Exception, label: str) -> RefusedRow:
    """Return a native row that cannot be read as refused, with its id (field `key`) and the reason."""
    native: Mapping[str, Any] = row if isinstance(row, Mapping) else {"value": row}
    if isinstance(error, KeyError):
        reason = _("the field %s is missing") % error
    elif isinstance(error, (TypeError, AttributeError, IndexError, RecursionError)):
        reason = _("it does not have the form that %(channel)s documents") % {"channel": label}
    else:
        reason = str(error).rstrip(".") or type(error).__name__
    given = native.get(key)
    external_id = str(given) if isinstance(given, (str, int)) else ""
    return RefusedRow(external_id or f"row:{hash_native(native)}", not_readable(label, reason), native)


def not_readable(label: str, reason: str) -> str:
    """Return the reason of a rejected record: `label` names the channel, `reason` ends the sentence."""
    return _("%(channel)s's data could not be read: %(reason)s.") % {"channel": label, "reason": reason}
