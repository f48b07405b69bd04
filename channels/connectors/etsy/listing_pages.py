"""Which page of a shop's listings comes next (`etsy.md` §2, §5): state by state, the oldest first, then from the newest.

Etsy pages by offset alone, and the list moves under it: what is made or renewed goes to its end, what is sold out leaves
it, and the rows behind move up. So each page begins with the last row of the page before; where that is not found, rows
have moved, and half a page is read again. Etsy refuses an offset above 12,000: what lies deeper is read from the newest
end. Etsy's document says that the order may be ignored; then there is no other end, and what is left is counted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

from channels.contract.records.pages import RefusedRow

BATCH = 100
MOST_OFFSET = 12_000
STATES = ("active", "inactive", "draft", "sold_out", "expired")
OLDEST, NEWEST = "asc", "desc"

Rows = Sequence[Mapping[str, Any]]


def reach() -> int:
    """How many rows of a list can be read from one end."""
    return MOST_OFFSET + BATCH


@dataclass(frozen=True, slots=True)
class Place:
    """Where a scan stands: the page at `offset`, which should begin with the listing `last`.

    `since`: the second in which the first row of the list was made, by which its order is judged.
    """

    state: int = 0
    turn: str = OLDEST
    offset: int = 0
    last: int = 0
    since: int = 0

    @classmethod
    def read(cls, page: str | None) -> Place:
        return cls(*json.loads(page)) if page else cls()

    def write(self) -> str:
        return json.dumps(astuple(self))

    @property
    def name(self) -> str:
        return STATES[self.state]

    def params(self) -> dict[str, Any]:
        return {
            "state": self.name,
            "limit": BATCH,
            "offset": self.offset,
            "sort_on": "created",
            "sort_order": self.turn,
        }

    def back(self, rows: Rows) -> Place | None:
        """From where to read again because rows have moved since the page before; None = they have not."""
        if not self.last or (rows and rows[0]["listing_id"] == self.last):
            return None
        return replace(self, offset=max(self.offset - BATCH // 2, 0), last=0)

    def fresh(self, rows: Rows, total: int) -> Rows:
        """Those that were not read before."""
        rows = rows if self.turn == OLDEST else rows[: max(total - reach() - self.offset, 0)]
        return rows[1:] if self.last else rows

    def after(self, rows: Rows, total: int) -> Place | None:
        """The place after this page: on, from the other end, in the next state, or None at the end of all."""
        to_read = total if self.turn == OLDEST else total - reach()
        if rows and self.offset + BATCH < to_read:
            if self.offset < MOST_OFFSET:
                since = self.since or int(rows[0]["created_timestamp"])
                offset = min(self.offset + BATCH - 1, MOST_OFFSET)
                last = rows[offset - self.offset] if offset - self.offset < len(rows) else {"listing_id": 0}
                return Place(self.state, self.turn, offset, int(last["listing_id"]), since)
            if self.turn == OLDEST and self._is_in_order(rows):
                return Place(self.state, NEWEST)
        return Place(self.state + 1) if self.state + 1 < len(STATES) else None

    def _is_in_order(self, rows: Rows) -> bool:
        return int(rows[-1]["created_timestamp"]) >= self.since

    def unread(self, rows: Rows, total: int) -> RefusedRow | None:
        """What is said at the end of a state of listings that lie deeper than can be read."""
        most = reach() if self.turn == OLDEST else 2 * reach()
        if total <= most:
            return None
        return RefusedRow(
            f"state:{self.name}",
            f"Etsy lists {most} listings of one state at most: {total - most} of {total} {self.name} ones were not "
            "read. Read those by their numbers (Sync Products), or change the state of some at Etsy.",
            {"state": self.name, "count": total, "unread": total - most},
        )
