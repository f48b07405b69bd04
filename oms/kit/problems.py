"""Problem codes, which the apps declare, and the rows of problems.

A code has a title, the moves that it blocks, and the page on which it is resolved. The same problem opened twice is one
open row with the newer text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from oms.kit.doctor import Finding
from oms.kit.models import Problem


@dataclass(frozen=True, slots=True)
class ProblemCode:
    """A kind of problem. `blocks` are names of moves (`orders.domain.moves`); `fix` is the name of the URL to resolve it.

    `means` and `remedy` are the rows of `docs/troubleshooting.md`: what has happened, and what to do.
    """

    code: str
    title: Any
    blocks: frozenset[str] = frozenset()
    fix: str = ""
    means: Any = ""
    remedy: Any = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """A problem to be opened: the identity of its row (code, subject, key) and its text."""

    code: str
    subject_kind: str
    subject_id: int
    message: str
    key: str = ""
    connection_id: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


_codes: dict[str, ProblemCode] = {}


def declare(*codes: ProblemCode) -> None:
    """Declare codes; called at start-up."""
    for code in codes:
        _codes[code.code] = code


def code_of(code: str) -> ProblemCode:
    """Return a declared code; for an unknown one, a code with its key as the title and without blocked moves."""
    return _codes.get(code) or ProblemCode(code, code)


def all_codes() -> Mapping[str, ProblemCode]:
    """Return all declared codes by key."""
    return _codes


def table() -> str:
    """Return the table of `docs/troubleshooting.md`: each declared problem, what it means, and what to do."""
    lines = ["| problem | what it means | what to do |", "|---|---|---|"]
    lines += [
        f"| **{code.title}** (`{code.code}`) | {code.means} | {code.remedy} |" for code in _codes.values()
    ]
    return "\n".join(lines) + "\n"


def open_problems(faults: Iterable[Fault]) -> None:
    """Open these problems, or update the text of those that are open already; two queries for any number."""
    wanted = {(f.code, f.subject_kind, f.subject_id, f.key): f for f in faults}
    if not wanted:
        return
    subjects: dict[str, set[int]] = {}
    for fault in wanted.values():
        subjects.setdefault(fault.subject_kind, set()).add(fault.subject_id)
    about = Q()
    for kind, ids in subjects.items():
        about |= Q(subject_kind=kind, subject_id__in=ids)
    stale = []
    # By code and key too: one subject (a store) may have thousands of them.
    codes, keys = {fault.code for fault in wanted.values()}, {fault.key for fault in wanted.values()}
    for row in Problem.objects.filter(about, code__in=codes, key__in=keys, resolved_at=None):
        found = (row.code, row.subject_kind, row.subject_id, row.key)
        if found not in wanted:
            continue
        fault = wanted.pop(found)
        if row.message != fault.message or row.data != dict(fault.data):
            row.message, row.data = fault.message[:500], dict(fault.data)
            stale.append(row)
    if stale:
        Problem.objects.bulk_update(stale, ["message", "data"])
    if wanted:
        Problem.objects.bulk_create(
            [
                Problem(
                    code=f.code,
                    subject_kind=f.subject_kind,
                    subject_id=f.subject_id,
                    key=f.key,
                    connection_id=f.connection_id,
                    message=f.message[:500],
                    data=dict(f.data),
                )
                for f in wanted.values()
            ],
            ignore_conflicts=True,
        )


def resolve(
    *,
    code: str,
    subject_kind: str,
    subject_ids: Iterable[int],
    how: str = "",
    key: str | None = None,
    author: Any = None,
) -> int:
    """Resolve the open problems of this code on these subjects; return how many there were. `how` is the resolution."""
    rows = Problem.objects.filter(
        code=code, subject_kind=subject_kind, subject_id__in=list(subject_ids), resolved_at=None
    )
    if key is not None:
        rows = rows.filter(key=key)
    return rows.update(resolved_at=timezone.now(), resolution=how[:200], resolved_by=author)


def blocked_moves(codes: Iterable[str]) -> dict[str, str]:
    """Return the moves that these open codes block: move -> title of the first problem that blocks it."""
    blocked: dict[str, str] = {}
    for code in codes:
        declared = code_of(code)
        for move in declared.blocks:
            blocked.setdefault(move, str(declared.title))
    return blocked


def codes_are_declared() -> Finding:
    """Check that every open problem has a declared code: an unknown one would block no move, unnoticed."""
    codes = Problem.objects.open().order_by("code").values_list("code", flat=True).distinct()
    unknown = [code for code in codes if code not in _codes]
    return Finding(
        not unknown,
        _("Open problems with codes that no app declares (they block no moves): %s.") % ", ".join(unknown)
        if unknown
        else "",
    )
