"""The tabs of the order list and their counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from oms.kit.admin.lists import Tab
from oms.kit.admin.paging import CAP, CappedCount
from orders.choices import CANCELLED_STATUSES, OPEN_STATUSES, OrderStatus
from orders.models import Order


@dataclass(frozen=True, slots=True)
class OrderTab(Tab):
    """A tab: the orders with one of `statuses`, or those whose column `flag` is set, whatever their status.

    `is_open` tabs are sorted by ship-by, the others by the day on which the orders were placed.
    """

    statuses: tuple[str, ...] = ()
    is_open: bool = False
    flag: str = ""

    @property
    def is_yes_no(self) -> bool:
        """Whether the flag is a yes or no; else it counts."""
        return self.flag in ("dispatch_to_do", "delivery_to_do")

    def rows(self, orders: QuerySet[Order]) -> QuerySet[Order]:
        """Return the orders of this tab."""
        if self.statuses:
            return orders.filter(status__in=self.statuses)
        if self.flag:
            return orders.filter(**({self.flag: True} if self.is_yes_no else {f"{self.flag}__gt": 0}))
        return orders

    @property
    def condition(self) -> str:
        """The flag as SQL."""
        name = connection.ops.quote_name(self.flag)
        return name if self.is_yes_no else f"{name} > 0"


S = OrderStatus


def _open(key: str, status: OrderStatus) -> OrderTab:
    return OrderTab(key, status.label, statuses=(status,), is_open=True)


TABS: tuple[OrderTab, ...] = (
    OrderTab("all", _("All")),
    _open("unpaid", S.UNPAID),
    _open("draft", S.DRAFT),
    _open("new", S.NEW),
    _open("partial", S.PARTIAL),
    _open("rfp", S.READY_FOR_FULFILMENT),
    _open("packed", S.PACKED),
    _open("rts", S.READY_TO_SHIP),
    OrderTab(
        "dispatch_to_do",
        _("Tracking to enter"),
        flag="dispatch_to_do",
        is_flag=True,
        is_rare=True,
        hint=_(
            "Manifold cannot send tracking to these channels. Enter carrier and tracking number on the channel, then"
            " select the orders and press “Mark tracking as entered”."
        ),
    ),
    OrderTab("in_transit", S.IN_TRANSIT.label, statuses=(S.IN_TRANSIT,)),
    OrderTab("delivered", S.DELIVERED.label, statuses=(S.DELIVERED,)),
    OrderTab(
        "delivery_to_do",
        _("Delivery to enter"),
        flag="delivery_to_do",
        is_flag=True,
        is_rare=True,
        hint=_(
            "These orders are delivered. Manifold cannot send this to their channels. Enter it on the channel, then select"
            " the orders and press “Mark delivery as entered”."
        ),
    ),
    OrderTab("completed", S.COMPLETED.label, statuses=(S.COMPLETED,)),
    OrderTab(
        "cancelled",
        S.CANCELLED.label,
        statuses=CANCELLED_STATUSES,
    ),
    OrderTab("returned", S.RETURNED.label, statuses=(S.RETURNED,)),
    OrderTab("problem", _("Problems"), flag="problems_open", is_flag=True),
    OrderTab("held", _("On hold"), flag="holds_open", is_flag=True),
)
#: The tab of each status.
TAB_OF_STATUS: dict[str, str] = {str(status): tab.key for tab in TABS for status in tab.statuses}


#: Tabs of finished orders are counted to here: nobody works them off, and each of them is read on every page.
FINISHED_CAP = 1_000


def cap_of(tab: OrderTab) -> int:
    """Return the number to which the rows of a tab are counted."""
    return CAP if tab.flag else FINISHED_CAP


def tab_counts() -> dict[str, int]:
    """Return the orders of each tab, in one statement.

    Open statuses are counted exactly (one group over their partial index), flags to 10,000 and the others to 1,000.
    """
    table = connection.ops.quote_name(Order._meta.db_table)
    marks = ", ".join(["%s"] * len(OPEN_STATUSES))
    parts = [f"SELECT status, COUNT(*) FROM {table} WHERE status IN ({marks}) GROUP BY status"]  # noqa: S608
    params: list[Any] = [str(status) for status in OPEN_STATUSES]
    for tab in TABS:
        where, values = "", list(tab.statuses)
        if tab.is_open:
            continue
        if tab.flag:
            where = f" WHERE {tab.condition}"
        elif values:
            where = f" WHERE status IN ({', '.join(['%s'] * len(values))})"
        parts.append(
            f"SELECT %s, COUNT(*) FROM (SELECT 1 AS one FROM {table}{where} LIMIT {cap_of(tab) + 1}) t_{tab.key}"  # noqa: S608
        )
        params += [f"tab:{tab.key}", *(str(value) for value in values)]
    # The first part's column is a status, the others' a literal: the cast makes them one type everywhere.
    sql = " UNION ALL ".join(parts).replace("SELECT %s, COUNT", "SELECT CAST(%s AS varchar(30)), COUNT")
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        found: dict[str, int] = dict(cursor.fetchall())
    return {
        tab.key: sum(found.get(str(status), 0) for status in tab.statuses)
        if tab.is_open
        else CappedCount(found.get(f"tab:{tab.key}", 0), cap_of(tab))
        for tab in TABS
    }
