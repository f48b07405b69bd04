"""`python -m tests.upkeep.write_docs`: write docs/settings.md and docs/commands.md from the code."""

from __future__ import annotations

import os
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from oms.upkeep import reference

    (DOCS / "settings.md").write_text(reference.settings_page(), encoding="utf-8")
    (DOCS / "commands.md").write_text(reference.commands_page(), encoding="utf-8")
