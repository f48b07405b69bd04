"""`rebuild_search`: write every search text anew, after rows were changed past Manifold (a restore, `loaddata`, SQL)."""

from __future__ import annotations

from typing import Any

from oms.kit.management.cli import DONE, ManifoldCommand
from oms.kit.search import index


class Command(ManifoldCommand):
    help = "Write the search text of every order, SKU and listing anew. Safe to stop and to repeat."
    has_store = False
    has_dry_run = False

    def run(self, **options: Any) -> tuple[int, Any]:
        found: dict[str, Any] = {}
        for one in index.indexes():
            found[one.table] = index.rebuild(one)
            if problem := index.ensure(one):
                found[f"{one.table}_index"] = problem
        return DONE, found
