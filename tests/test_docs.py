"""The docs are held to the code: links resolve, commands exist, settings and capabilities are the real ones."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import get_commands

from channels.contract.registry import specs
from channels.contract.spec import Stream
from oms.kit import doctor, problems
from tests.test_architecture import tracked

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        ROOT / "CONTRIBUTING.md",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "contrib").rglob("*.md"),
        *(ROOT / "benchmarks").rglob("*.md"),
    ]
)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(#[^)\s]*)?\)")
COMMAND = re.compile(r"manage\.py ([a-z_]+)")
TARGET = re.compile(r"\bmake ([a-z][a-z-]+)\b")
SETTING = re.compile(r"`(OMS_[A-Z_]+|SECRET_KEY|DATABASE_URL|REDIS_URL|ALLOWED_HOSTS)\b")


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_resolve(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    broken = [
        target
        for target, _anchor in LINK.findall(text)
        if "://" not in target and not target.startswith("mailto:") and not (page.parent / target).exists()
    ]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))
    unknown = {name for name in COMMAND.findall(code) if name not in get_commands()}
    targets = set(
        re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    unknown |= {f"make {name}" for name in TARGET.findall(code) if name not in targets}
    assert unknown == set()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_settings_are_real(page: Path) -> None:
    listed = (ROOT / ".env.example").read_text(encoding="utf-8")
    unknown = {name for name in SETTING.findall(page.read_text(encoding="utf-8")) if name not in listed}
    assert unknown == set()


FOLDERS = "oms|orders|inventory|catalogue|channels|tests|benchmarks|contrib|docs|templates|fixtures"
FILE = re.compile(rf"`((?:{FOLDERS})/[\w./@-]*)`")
NAME = re.compile(r"`((?:oms|orders|inventory|catalogue|channels)(?:\.\w+)+)(?:\(\))?`")
EXAMPLE = "teashop"  # the channel that `docs/add-a-channel.md` makes
STREAMS = {str(stream) for stream in Stream}
#: As Django names them: `orders.order`.
MODELS = {model._meta.label_lower for model in apps.get_models()}


def is_real(name: str) -> bool:
    """Whether a dotted name leads to a module, to something in one, or is the name of a file or of a model."""
    if name.endswith(".py") or name.lower() in MODELS:
        return True
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_files_and_names_of_the_code_are_real(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    unknown = [
        path
        for path in FILE.findall(text)
        if EXAMPLE not in path and not (ROOT / path).exists() and not (page.parent / path).exists()
    ]
    unknown += [name for name in NAME.findall(text) if name not in STREAMS and not is_real(name)]
    assert unknown == []


def test_pages_that_the_code_names_exist() -> None:
    """A docstring or comment that points to a page of `docs/` points to one that exists."""
    missing = [
        f"{named(path)}: {page}"
        for path in tracked()
        if path.suffix in (".py", ".toml", ".sh", ".html", ".service") and path.is_file()
        for page in re.findall(r"\bdocs/[\w/-]+\.md\b", path.read_text(encoding="utf-8"))
        if not (ROOT / page).exists()
    ]
    assert missing == []


def sentences() -> list[str]:
    """Every text in the code of the channels and of a store's pages; parts of an f-string each by itself."""
    found = []
    for module in (*(ROOT / "channels").rglob("*.py"), *(ROOT / "orders").glob("*.py")):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    found += [page.read_text(encoding="utf-8") for page in (ROOT / "templates" / "channels").rglob("*.html")]
    return found


@pytest.mark.parametrize("key", [key for key, spec in specs().items() if spec.has_wire])
def test_quoted_messages_of_a_store_are_exact(key: str) -> None:
    """Each quoted message in the table "When the sync stops" is in the code; "…" is a part that differs."""
    text = (ROOT / "docs" / "channels" / f"{key}.md").read_text(encoding="utf-8")
    part = text.partition("## When the sync stops")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \|", part, re.MULTILINE)
    quoted = [row for row in rows if row not in ("the store says", "the other answers")]
    assert len(quoted) >= 5
    known = sentences()
    pieces = [piece.strip(" “”.") for row in quoted for piece in row.split("…")]
    assert [piece for piece in pieces if piece and not any(piece in said for said in known)] == []


@pytest.mark.req("R-CAT-13")
@pytest.mark.parametrize("key", sorted(specs()))
def test_the_capability_table_matches_the_code(key: str) -> None:
    """Each channel's page holds the table that `manage.py capabilities --markdown CHANNEL` prints."""
    text = (ROOT / "docs" / "channels" / f"{key}.md").read_text(encoding="utf-8")
    for capability, support in specs()[key].capabilities.items():
        answer = "no" if not support.supported else "yes" if support.default else "yes (off)"
        row = f"| {capability} | {answer} | {support.reason} |"
        assert row in text, row


def test_troubleshooting_has_every_problem_and_every_check() -> None:
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    assert problems.table() in text
    assert [code for code, one in problems.all_codes().items() if not one.means or not one.remedy] == []
    assert [name for name in doctor.names() if f"| `{name}` | " not in text] == []
