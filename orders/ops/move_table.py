"""The table of moves for documents: as rows, as a table in Markdown, and as a diagram of the statuses."""

from __future__ import annotations

from typing import Any

from oms.kit import problems
from orders.choices import EVENT_LABELS, OrderStatus
from orders.domain.moves import MOVES

S = OrderStatus


def as_table() -> list[dict[str, Any]]:
    """Return the table for documents: one row per move, with statuses by their labels."""
    return [
        {
            "name": move.name,
            "label": str(move.label),
            "from": [str(S(status).label) for status in move.sources],
            "to": [str(S(status).label) for status in move.results],
            "sends": str(move.sends) if move.sends else "",
            "waits_for_holds": move.is_forward,
            "undo": move.undo,
            "blocked_by": sorted(
                code for code, declared in problems.all_codes().items() if move.name in declared.blocks
            ),
        }
        for move in MOVES
    ]


def as_markdown() -> str:
    """Return the table of moves of `docs/orders.md`: name, label, statuses, what the channel is sent, the undo."""
    lines = ["| move | button | from | to | channel is sent | undo |", "|---|---|---|---|---|---|"]
    for move, row in zip(MOVES, as_table(), strict=True):
        to = "the same" if set(move.sources) == set(move.results) else ", ".join(row["to"])
        sent = str(EVENT_LABELS[move.sends]) if move.sends else ""
        undo = f"`{row['undo']}`" if row["undo"] else ""
        lines.append(
            f"| `{row['name']}` | {row['label']} | {', '.join(row['from'])} | {to} | {sent} | {undo} |"
        )
    return "\n".join(lines) + "\n"


def as_diagram() -> str:
    """Return the moves that change the status as a Mermaid state diagram."""
    lines = ["stateDiagram-v2"]
    lines += [f"    {status.name}: {status.label}" for status in S]
    for move in MOVES:
        if set(move.sources) == set(move.results):
            continue
        for source in move.sources:
            for result in move.results:
                if source != result and not (source == S.PARTIAL and result == S.NEW):
                    lines.append(f"    {S(source).name} --> {S(result).name}: {move.label}")
    return "\n".join(lines) + "\n"
