"""Read native rows into a page of records; cut a list of ids into slices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from channels.contract.errors import Rejected
from channels.contract.records.pages import Page, RefusedRow
from channels.contract.translation import gettext as _

T = TypeVar("T")

#: The errors of a mapping function for a row that it cannot read.
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError)


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
                % {"channel": label, "count": f"{MOST_ROWS:,}"},
                code="too_large",
            )
        try:
            record = read(row)
        except UNREADABLE as error:
            refused.append(unreadable(row, key, error, label))
        else:
            if record is not None:
                records.append(record)
    return Page(records, next_page, refused, total)


def unreadable(row: Any, key: str, error: Exception, label: str) -> RefusedRow:
    """Return a native row that cannot be read as refused, with its id (field `key`) and the reason."""
    native: Mapping[str, Any] = row if isinstance(row, Mapping) else {"value": row}
    if isinstance(error, KeyError):
        reason = _("the field %s is missing") % error
    else:
        reason = str(error).rstrip(".") or type(error).__name__
    words = _("%(channel)s's data could not be read: %(reason)s.") % {"channel": label, "reason": reason}
    return RefusedRow(str(native.get(key, "")), words, native)
