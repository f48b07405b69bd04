"""Pages by cursor: the place after which the next page begins. No page is counted, so the millionth is as fast."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Generic, TypeVar

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from ninja import Schema
from pydantic import Field

from oms.kit.api.errors import ApiError
from oms.kit.numbers import whole_number

MOST = 200

After = Annotated[
    str, Field(max_length=40, description="The `next` of the page before; empty for the first page.")
]
Limit = Annotated[int, Field(ge=1, le=MOST, description="Records of one page.")]

Item = TypeVar("Item")
Row = TypeVar("Row", bound=Model)


class Page(Schema, Generic[Item]):
    """One page. `next` is the cursor of the following one; null at the end."""

    items: list[Item]
    next: str | None = None


def cursor_of(pk: int) -> str:
    """Return the cursor after a primary key."""
    return base64.urlsafe_b64encode(f"k{pk}".encode()).decode().rstrip("=")


def place_of(cursor: str) -> int:
    """Return the primary key of a cursor, 0 for ""; raises `ApiError` 422 for one that no page has given."""
    if not cursor:
        return 0
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    place = whole_number(text.removeprefix("k")) if text.startswith("k") else None
    if place is None:
        raise ApiError(422, _("“after” is not a cursor of this list."), errors=[("/after", "not a cursor")])
    return place


def page_of(rows: QuerySet[Row], after: str, limit: int) -> tuple[list[Row], str | None]:
    """Return the rows of a page by primary key, and the cursor of the next page (None at the end)."""
    found = list(rows.filter(pk__gt=place_of(after)).order_by("pk")[: limit + 1])
    return found[:limit], cursor_of(found[limit - 1].pk) if len(found) > limit else None


def answer(items: list[Any], following: str | None) -> dict[str, Any]:
    """Return a page as an operation answers it."""
    return {"items": items, "next": following}
