"""The shape of the house, where no linter knows it: who imports whom, how long a module is, what may not be written."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("oms", "orders", "inventory", "catalogue", "channels")
LONGEST = 400


def modules(*packages: str) -> list[Path]:
    """Our own modules, without migrations (which are written by Django)."""
    return sorted(
        path
        for package in packages or PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if "migrations" not in path.parts
    )


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[str]:
    """Every module that a file names in an import, also inside functions."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_import_contracts_are_kept():
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(command), "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_apps_do_not_import_the_project_package():
    """`oms.kit` is the bottom; the rest of `oms` is the top, and is imported by nobody below it."""
    guilty = [
        f"{short(path)} imports {name}"
        for path in [*modules("orders", "inventory", "catalogue", "channels"), *modules("oms/kit")]
        for name in imports(path)
        if name.startswith("oms.") and name.split(".")[1] != "kit"
    ]
    assert guilty == []


def test_the_kit_imports_no_app():
    guilty = [
        f"{short(path)} imports {name}"
        for path in modules("oms/kit")
        for name in imports(path)
        if name.split(".")[0] in {"orders", "inventory", "catalogue", "channels"}
    ]
    assert guilty == []


def test_connectors_do_not_import_each_other():
    """What the contract "channels are strangers" says of the folders it names, held for every folder there is."""
    folders = {path.parent.name for path in (ROOT / "channels").glob("*/channel.py")}
    guilty = [
        f"{short(path)} imports {name}"
        for folder in folders
        for path in modules(f"channels/{folder}")
        for name in imports(path)
        if name.startswith("channels.") and name.split(".")[1] in folders - {folder}
    ]
    assert guilty == []


def test_long_modules_say_why():
    guilty = []
    for path in modules(*PACKAGES, "tests", "benchmarks"):
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) > LONGEST and not any("# long because:" in line for line in lines[:15]):
            guilty.append(f"{short(path)} has {len(lines)} lines")
    assert guilty == [], "Split it, or say `# long because: ...` in its first lines."


def test_time_outs_are_never_swallowed():
    """A task's time-out is a SystemExit: catching it makes the task run again for ever (docs/operations.md)."""
    guilty = []
    for path in modules():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ExceptHandler):
                caught = [node.type] if not isinstance(node.type, ast.Tuple) else node.type.elts
                names = [ast.unparse(name) if name is not None else "" for name in caught]
                if {"", "BaseException", "SystemExit"} & set(names):
                    guilty.append(f"{short(path)}:{node.lineno}")
    assert guilty == []


def test_no_signals_between_apps():
    """Django's own `post_migrate` is the exception; what must happen is called."""
    guilty = [short(path) for path in modules() if path.name in {"signals.py", "receivers.py"}]
    for path in modules():
        if path.name == "registrations.py":
            continue
        guilty += [
            f"{short(path)} imports {name}"
            for name in imports(path)
            if name.startswith(("django.db.models.signals", "django.dispatch"))
        ]
    assert guilty == []


def test_no_print_and_no_todo():
    marks = ("TODO", "FIXME", "XXX")
    guilty = [
        f"{short(path)}:{number}"
        for path in modules(*PACKAGES, "tests")
        if path != Path(__file__).resolve()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if any(f"# {mark}" in line for mark in marks)
    ]
    assert guilty == []


def commands() -> list[Path]:
    return [path for path in modules() if path.parent.name == "commands" and path.stem != "__init__"]


@pytest.mark.req("R-USE-03")
def test_every_command_is_tested():
    """A command that no test file names is one that nobody has seen work."""
    text = "\n".join(
        path.read_text(encoding="utf-8")
        for path in (ROOT / "tests").rglob("test_*.py")
        if path != Path(__file__).resolve()
    )
    untested = [short(path) for path in commands() if f'"{path.stem}"' not in text]
    assert untested == []


def test_every_command_has_help():
    from django.core.management import load_command_class

    for path in commands():
        app = ".".join(path.relative_to(ROOT).parts[:-3])
        assert load_command_class(app, path.stem).help, short(path)


def test_every_model_has_a_docstring():
    from django.apps import apps

    ours = {package.replace("/", ".") for package in PACKAGES}
    guilty = [
        f"{model.__module__}.{model.__name__}"
        for model in apps.get_models()
        if model.__module__.split(".")[0] in ours and (model.__doc__ or "").startswith(f"{model.__name__}(")
    ]
    assert guilty == []


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in done.stdout.split("\0") if name]


def test_nothing_committed_names_a_machine():
    """Home folders and package index hosts belong to whoever wrote a line, not to the project."""
    # In pieces, so that this file does not name them either.
    words = [
        "/ro" + "ot/",
        "/wo" + "rk/",
        "/ho" + "me/runner",
        "pypi." + "org",
        "files.python" + "hosted",
        ".lib" + "rary/",
    ]
    guilty = []
    for path in tracked():
        if not path.is_file() or path.suffix in {
            ".png",
            ".jpg",
            ".ico",
            ".woff2",
            ".zip",
            ".xlsx",
            ".pdf",
            ".mo",
        }:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        guilty += [f"{short(path)}: {word}" for word in words if word in text]
    assert guilty == []


def test_scripts_can_be_run():
    for name in ("manage.py", ".ci/run"):
        assert os.access(ROOT / name, os.X_OK), name
