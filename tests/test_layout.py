"""The layout that docs/architecture.md describes: folder sizes, the same file name for the same role, no hidden imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_architecture import PACKAGES, ROOT, modules, parsed, short

MOST_ENTRIES = 17  # about 15; a connector that has every part of the shape has 17
#: The root of an app has one module or package for each role, and the roles have the same names in every app.
MORE_ENTRIES = {"catalogue": 19, "inventory": 19, "orders": 19}
MOST_HIDDEN_IMPORTS = 5
DJANGO_FOLDERS = {"migrations", "management", "templatetags", "__pycache__"}

APPS = ("orders", "inventory", "catalogue", "channels")

#: Role -> where code of this role stands, as the last parts of its path without `.py`.
QUERYSETS = "models/querysets"
DOCTOR = "doctor_checks"
REGISTRATIONS = "registrations"


def folders() -> list[Path]:
    return sorted({path.parent for path in modules()})


def entries(folder: Path) -> list[str]:
    """What a reader sees in a folder: its modules and packages, without `__init__`, data folders and those that Django names."""
    found = []
    for path in folder.iterdir():
        is_package = path.is_dir() and any(path.rglob("*.py")) and path.name not in DJANGO_FOLDERS
        if is_package or (path.suffix == ".py" and path.stem != "__init__"):
            found.append(path.name)
    return sorted(found)


@pytest.mark.parametrize("folder", folders(), ids=short)
def test_a_folder_has_few_entries(folder: Path) -> None:
    assert len(entries(folder)) <= MORE_ENTRIES.get(short(folder), MOST_ENTRIES), entries(folder)


def test_every_package_has_a_docstring() -> None:
    """An `__init__` has a docstring and no re-exports; Django needs those of `models` and `admin`."""
    guilty = []
    for path in modules():
        if path.name != "__init__.py" or {"management", "templatetags"} & set(path.parts):
            continue
        tree = parsed(path)
        if not ast.get_docstring(tree):
            guilty.append(f"{short(path)} has no docstring")
        if path.parent.name not in {"models", "admin", "sandbox"} and any(
            isinstance(node, ast.Import | ast.ImportFrom) for node in tree.body
        ):
            guilty.append(f"{short(path)} imports")
    assert guilty == []


def classes(path: Path) -> Iterator[tuple[str, str]]:
    """Name of each class and of its first base."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ClassDef) and node.bases:
            yield node.name, ast.unparse(node.bases[0])


def called(path: Path, *names: str) -> bool:
    return any(
        isinstance(node, ast.Call) and ast.unparse(node.func) in names for node in ast.walk(parsed(path))
    )


def test_querysets_are_in_models_querysets() -> None:
    guilty = [
        f"{short(path)}: {name}"
        for path in modules(*APPS)
        for name, base in classes(path)
        if base.startswith(("models.QuerySet", "QuerySet")) and not short(path).endswith(f"{QUERYSETS}.py")
    ]
    assert guilty == []


def test_models_are_in_models() -> None:
    guilty = [
        f"{short(path)}: {name}"
        for path in modules(*APPS)
        for name, base in classes(path)
        if base == "models.Model" and f"{path.relative_to(ROOT).parts[0]}/models/" not in short(path)
    ]
    assert guilty == []


def test_doctor_checks_are_in_doctor_checks() -> None:
    guilty = [
        short(path)
        for path in modules(*APPS)
        if called(path, "doctor.register") and path.stem not in {DOCTOR, REGISTRATIONS}
    ]
    assert guilty == []


def test_apps_register_in_registrations() -> None:
    """Sinks, handlers, callbacks and jobs are registered where a reader looks for them."""
    names = (
        "register_sink",
        "streams.register_sink",
        "outbox.register_subjects",
        "tasks.register_sweep",
        "jobs.register",
    )
    guilty = [short(path) for path in modules(*APPS) if called(path, *names) and path.stem != REGISTRATIONS]
    assert guilty == []
    for app in APPS:
        assert (ROOT / app / "registrations.py").is_file(), app


def test_admin_classes_are_in_the_admin_of_their_app() -> None:
    guilty = [
        f"{short(path)}: {name}"
        for path in modules(*APPS, "oms")
        for name, base in classes(path)
        if base.rpartition(".")[2] in {"ModelAdmin", "ListAdmin"}
        and "admin" not in path.relative_to(ROOT).parts
    ]
    assert guilty == []


def test_tasks_are_put_into_the_queue_in_one_place() -> None:
    """A queue that cannot be reached never fails a committed change: only one function talks to it (F-05)."""
    guilty = [
        short(path)
        for path in modules()
        if called(path, "async_task") and short(path) != "oms/kit/background/queue.py"
    ]
    assert guilty == []


def hidden_imports(path: Path) -> Iterator[int]:
    """Lines of imports of our own modules inside functions."""
    for function in ast.walk(parsed(path)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if not isinstance(node, ast.Import | ast.ImportFrom):
                    continue
                if isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                else:
                    names = [alias.name for alias in node.names]
                if any(name.split(".")[0] in PACKAGES for name in names):
                    yield node.lineno


def test_imports_inside_functions_are_few_and_have_a_reason() -> None:
    """They hide circles. Each has a comment on its line or on the one above."""
    found, silent = [], []
    for path in modules():
        lines = path.read_text(encoding="utf-8").splitlines()
        for number in sorted(set(hidden_imports(path))):
            found.append(f"{short(path)}:{number}")
            if "#" not in lines[number - 1] and not lines[number - 2].lstrip().startswith("#"):
                silent.append(f"{short(path)}:{number}")
    assert silent == []
    assert len(found) <= MOST_HIDDEN_IMPORTS, found
