"""Write `docs/excel-columns.md` from the code: `python -m tests.imports.write_docs`."""

from __future__ import annotations

import os
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "excel-columns.md"

INTRODUCTION = """# Columns of spreadsheets

This page is made from the code (`python -m tests.imports.write_docs`). How files are read is in [Excel and CSV](excel.md).

Required columns are **bold**. Letter case, accents, blanks, punctuation and plurals of a heading do not count.
"""


def text() -> str:
    """Return the page as the code describes it."""
    from oms.kit.sheets import describe
    from oms.kit.sheets.formats import registry

    parts = [INTRODUCTION]
    for key in ("products", "prices", "stock", "kits", "orders", "tracking"):
        kind = registry.kinds[key]
        parts.append(f"\n## {kind.label}\n\n{describe.columns_table(kind)}\n")
    parts.append(f"\n## Files of other systems\n\n{describe.formats_table(registry.formats.values())}\n")
    return "".join(parts)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    PAGE.write_text(text(), encoding="utf-8")
