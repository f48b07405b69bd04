"""Moments in the order files of other systems."""

from __future__ import annotations

from datetime import UTC, datetime

from oms.kit.sheets.formats import SourceRow


def moment_of(row: SourceRow, heading: str) -> datetime | None:
    """Return the moment that a cell such as `2026-11-03 23:50:00 -0500` means, in UTC; None when it means none."""
    cell = row.get(heading)
    if isinstance(cell, datetime):
        return cell.replace(tzinfo=cell.tzinfo or UTC).astimezone(UTC)
    try:
        found = datetime.fromisoformat(row.text(heading).replace(" -", "-").replace(" +", "+"))
    except ValueError:
        return None
    return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
