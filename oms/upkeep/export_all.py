"""Everything in open formats: a CSV file for each table of ours and the documents, in one zip that any program opens."""

from __future__ import annotations

import csv
import io
import json
import os
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import models

from channels.models.fields import EncryptedJSONField
from oms import __version__
from oms.kit.authors import audit
from oms.upkeep.archive import UpkeepError

APPS = ("catalogue", "channels", "inventory", "kit", "orders", "imports")
PEOPLE = ("auth.User", "auth.Group")
#: Rows that are the machinery of an installation, and mean nothing elsewhere.
LEFT_OUT = {
    "channels.Budget",
    "channels.ConnectionToken",
    "channels.AppQuota",
    "channels.WakeUp",
    "channels.LaneBeat",
    "channels.ConnectorState",
    "kit.UsedForm",
    "kit.UserSession",
}
#: Columns that are secrets, whatever table has them.
SECRET = ("password", "secret", "token", "session_key", "lease")


def tables() -> list[type[models.Model]]:
    """Return the models that are exported."""
    found = [model for label in APPS if apps.is_installed(label) or _has(label) for model in _models(label)]
    people = [apps.get_model(label) for label in PEOPLE]
    return [model for model in [*found, *people] if model._meta.label not in LEFT_OUT]


def _has(label: str) -> bool:
    return any(config.label == label for config in apps.get_app_configs())


def _models(label: str) -> list[type[models.Model]]:
    config = apps.get_app_config(label)
    return [
        one
        for one in config.get_models(include_auto_created=True)
        if one._meta.managed and not one._meta.proxy
    ]


def columns(model: type[models.Model]) -> list[models.Field[Any, Any]]:
    """Return the columns of a table without those that are secrets."""
    return [
        one
        for one in model._meta.local_concrete_fields
        if not isinstance(one, EncryptedJSONField) and not any(word in one.name for word in SECRET)
    ]


def write(target: Path) -> dict[str, int]:
    """Write everything to a new zip file; return rows by table, and the number of documents. Raises `UpkeepError`."""
    part = target.with_name(f"{target.name}.part")
    if target.exists():
        raise UpkeepError(f"{target} exists already.")
    numbers: dict[str, int] = {}
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
                for model in tables():
                    name = model._meta.label_lower.replace(".", "_")
                    with made.open(f"tables/{name}.csv", "w") as entry:
                        numbers[name] = _rows(model, entry)
                documents = 0
                for path in _documents():
                    made.write(path, f"documents/{path.name}")
                    documents += 1
                made.writestr("README.txt", _readme(numbers))
            out.flush()
            os.fsync(out.fileno())
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise UpkeepError(f"{target} cannot be written: {error.strerror or error}.") from error
    audit.record_fact("installation.exported", target.name, {"rows": ("", sum(numbers.values()))})
    return numbers | {"documents": documents}


def _rows(model: type[models.Model], entry: Any) -> int:
    known = columns(model)
    text = io.TextIOWrapper(entry, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow([one.attname for one in known])
    rows = model._base_manager.order_by("pk").values_list(*[one.attname for one in known])
    number = 0
    for number, row in enumerate(rows.iterator(chunk_size=2000), start=1):  # noqa: B007 (counted)
        writer.writerow([_plain(value) for value in row])
    text.flush()
    text.detach()
    return number


def _plain(value: Any) -> Any:
    """Return a value as text that every program reads: ISO dates, true and false, JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else value


def _documents() -> Iterator[Path]:
    root = Path(settings.MEDIA_ROOT) / "documents"
    yield from sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())


def _readme(numbers: dict[str, int]) -> str:
    lines = [
        f"Everything of this Manifold OMS ({__version__}), written {datetime.now(UTC).isoformat(timespec='seconds')}.",
        "tables/: one CSV file for each table, UTF-8, first line the names; times with their zone, JSON where a cell has parts.",
        "documents/: issued invoices, credit notes and manifests; a file is named by the SHA-256 in orders_document.csv.",
        "Keys of stores, passwords and sessions are not in it. It has names and addresses of buyers: keep it safe.",
        "",
        *[f"{name}: {number}" for name, number in numbers.items()],
    ]
    return "\n".join(lines) + "\n"
