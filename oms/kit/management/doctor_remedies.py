"""What to do when a check of `doctor` fails: the third column of its table in docs/troubleshooting.md."""

from __future__ import annotations

import re

from django.conf import settings

UNKNOWN = "see docs/troubleshooting.md"
#: A cause that is no check of its own: nothing else could be looked at.
DATABASE = "start PostgreSQL, or correct DATABASE_URL in the settings file; `manifold check` says what is set"


def read() -> dict[str, str]:
    """Return the remedy of each check by its name; {} where the documents were not installed."""
    path = settings.BASE_DIR / "docs" / "troubleshooting.md"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    rows = re.findall(r"^\| `([a-z_]+)` \| [^|]* \| ([^|]*) \|$", text, flags=re.MULTILINE)
    return {"database": DATABASE, **dict(rows)}
