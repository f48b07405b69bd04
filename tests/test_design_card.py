"""The customer's design card: the packages that are really used, and what stands at the top level (R-USE-05)."""

from __future__ import annotations

import re

import pytest
from django.conf import settings

from tests.test_architecture import ROOT, tracked

pytestmark = pytest.mark.req("R-USE-05")

#: Package -> the name under which code imports it, and where.
USED = {
    "django": ("django", "oms"),
    "django-q2": ("django_q", "oms"),
    "django-import-export": ("import_export", "oms"),
    "requests": ("requests", "channels"),
    "django-environ": ("environ", "oms"),
    "pytest-django": ("pytest.mark.django_db", "tests"),
    "responses": ("responses", "tests"),
    "psycopg": ("psycopg", "oms"),
}
TOP = {
    *(
        "manage.py",
        "pyproject.toml",
        "oms",
        "channels",
        "catalogue",
        "orders",
        "inventory",
        "templates",
        "fixtures",
        "tests",
    ),
    *("docs", "benchmarks", "contrib", "Makefile", ".ci"),
}
#: Files without which a repository is not complete; no package is among them.
FILES = {
    *(
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        ".editorconfig",
        ".env.example",
        ".gitignore",
    ),
    *(
        ".pre-commit-config.yaml",
        "requirements.in",
        "requirements.txt",
        "requirements-dev.in",
        "requirements-dev.txt",
    ),
}


@pytest.mark.parametrize("package", USED)
def test_a_package_of_the_card_is_pinned_and_imported(package: str) -> None:
    pins = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")
    name, folder = USED[package]
    assert re.search(rf"^{re.escape(package)}(\[[a-z,]+\])?==", pins, re.MULTILINE), "pinned"
    imports = re.compile(rf"^\s*(?:import|from) {re.escape(name)}\b|{re.escape(name)}", re.MULTILINE)
    files = [path for path in tracked() if path.is_relative_to(ROOT / folder) and path.suffix == ".py"]
    assert any(imports.search(path.read_text(encoding="utf-8")) for path in files), "used"


def test_the_top_level_is_that_of_the_card() -> None:
    found = {path.relative_to(ROOT).parts[0] for path in tracked()}
    assert found - FILES == TOP


def test_the_recurring_syncs_run_on_the_queue() -> None:
    assert "django_q" in settings.INSTALLED_APPS
    assert "import_export" in settings.INSTALLED_APPS
