"""Read order statuses, categories and attributes of the shop, and any list page by page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from channels.connectors.opencart import payloads
from channels.connectors.opencart.client import PAGE_SIZE, OpenCartClient, Reply
from channels.contract.errors import TemporaryError
from channels.contract.reading import absent, id_slice, list_in, mappings, read_rows, readable
from channels.contract.records.orders import StatusRecord
from channels.contract.records.pages import Page
from channels.contract.records.products import AttributeRecord, CategoryRecord
from channels.contract.schema import Notes, conform
from channels.contract.translation import gettext as _
from channels.contract.values import text
from oms.kit.numbers import is_whole_number

T = TypeVar("T")


def read_list(
    client: OpenCartClient,
    call: str,
    read: Callable[[Any], T],
    key: str,
    page: str | None,
    params: Mapping[str, str] | None = None,
) -> Page[T]:
    """Read one page of a list (`call`); `key` is the field of a row's id. Raise `TemporaryError` for a repeated page."""
    after = {"after": page} if page else {}
    reply = client.get(call, limit=str(PAGE_SIZE), **(params or {}), **after)
    if reply.next_page is not None and reply.next_page == page:
        raise TemporaryError(_("The shop returned the same page twice. The import continues later."))
    return read_rows(rows_of(reply), read, key, _("The shop"), next_page=reply.next_page)


def read_by_ids(
    client: OpenCartClient,
    call: str,
    read: Callable[[Any], T],
    key: str,
    ids: Sequence[str],
    page: str | None,
) -> Page[T]:
    """Read the rows with these ids, 100 at a time; ids that OpenCart cannot have are left out."""
    part, rest = id_slice(ids, page, PAGE_SIZE)
    wanted = [external_id.partition("-")[0] for external_id in part]
    numbers = dict.fromkeys(number for number in wanted if is_whole_number(number))
    if not numbers:
        return Page([], rest)
    reply = client.get(call, ids=",".join(numbers), limit=str(PAGE_SIZE))
    rows = rows_of(reply)
    found = read_rows(rows, read, key, _("The shop"), next_page=rest)
    have = {str(row.get(key)) for row in mappings(rows)}
    return absent(
        found,
        [each for each in part if each.partition("-")[0] in numbers],
        [each for each in part if each.partition("-")[0] in have],
    )


def rows_of(reply: Reply) -> list[Any]:
    """Return the rows of a reply; raise `TemporaryError` for a reply of another form."""
    return list_in({"data": reply.data}, "data", _("The shop"))


def pull_statuses(client: OpenCartClient) -> list[StatusRecord]:
    """Read the shop's order statuses."""
    return readable(rows_of(client.get("order_statuses")), status)


def pull_categories(client: OpenCartClient, page: str | None) -> Page[CategoryRecord]:
    """Read a page of the shop's categories."""
    return read_list(client, "categories", category, "id", page)


def pull_attributes(client: OpenCartClient, page: str | None) -> Page[AttributeRecord]:
    """Read a page of the shop's attributes."""
    return read_list(client, "attributes", attribute, "attribute_id", page)


def attribute_ids(client: OpenCartClient) -> dict[str, int]:
    """Read all attributes of the shop: their ids by casefolded name, and by id as text."""
    found: dict[str, int] = {}
    page: str | None = None
    while True:
        reply = pull_attributes(client, page)
        for record in reply.records:
            found.setdefault(record.name.casefold(), int(record.external_id))
            found[record.external_id] = int(record.external_id)
        page = reply.next_page
        if page is None:
            return found


def category(row: Any) -> CategoryRecord:
    """Map a category; its path is that of the shop's admin."""
    row = conform(payloads.Category, row, Notes())
    return CategoryRecord(
        external_id=str(row["id"]),
        name=text(row["name"]),
        path=" > ".join(text(name) for name in row["path"]),
        parent_external_id=str(row["parent_id"]) if row["parent_id"] else "",
        is_active=bool(row["status"]),
    )


def attribute(row: Any) -> AttributeRecord:
    """Map an attribute with the name of its group."""
    row = conform(payloads.Attribute, row, Notes())
    return AttributeRecord(
        external_id=str(row["attribute_id"]), name=text(row["attribute_name"]), group=text(row["group_name"])
    )


def status(row: Any) -> StatusRecord:
    """Map a status; stock is deducted while an order is in the shop's processing or complete list (§4.1)."""
    row = conform(payloads.OrderStatus, row, Notes())
    return StatusRecord(
        str(row["id"]), text(row["name"]), holds_stock=row["in_processing"] or row["in_complete"]
    )
