"""The references of settings and commands, made from the code: docs/settings.md and docs/commands.md."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.core.management import get_commands, load_command_class

from oms.kit.management.cli import EXIT_CODES, ManifoldCommand

KINDS = {
    "text": "text",
    "flag": "true or false",
    "words": "list, separated by commas",
    "hosts": "host names, separated by commas",
    "reachable": "hosts, host:port or networks, separated by commas",
    "address": "http or https address",
    "database": "postgres:// address",
    "redis": "redis:// address",
    "mail": "address of a mail server",
    "zone": "time zone",
}
#: Commands of libraries that an administrator of Manifold needs, and why.
OTHERS = {
    "migrate": "Brings the database to this version. Safe to run again.",
    "collectstatic": "Copies the files of the pages to the folder from which they are served. Needed after each upgrade.",
    "createsuperuser": "Makes an owner account; the first-run page does the same in the browser.",
    "check": "Checks the settings; with --deploy also what must not be in production. Exit code 1 with an error.",
}


SETTINGS_INTRO = (
    "Every setting is a line `NAME=value` of the settings file, or an environment variable of the process, which takes precedence. "
    "The settings file is `.env` beside `manage.py`, or the file that `OMS_ENV_FILE` names; `manage.py make_settings` writes one with "
    "new keys. Each value is checked at start: a wrong one is one sentence, and nothing starts. This page is made from `oms/settings.py`."
)
COMMANDS_INTRO = (
    "Commands are typed as `manifold NAME` where the script for Debian installed Manifold, as `docker compose exec web manifold NAME` in a "
    "container, and as `.venv/bin/python manage.py NAME` in a checkout. This page is made from the code."
)
OUTCOME_INTRO = (
    "Unless a command says something else, its exit codes are — %s. With `--json` a command prints one JSON object and nothing else; "
    'when it could not run: `{"ok": false, "error": "one sentence"}`. With `--quiet` it prints nothing when the exit code is 0.'
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its section, name, kind, default and purpose."""

    section: str
    name: str
    kind: str
    default: str
    purpose: str


def settings_read(source: Path | None = None) -> list[Setting]:
    """Return every setting that oms/settings.py reads, in its sequence, with the comment above the line as its purpose."""
    text = (source or settings.BASE_DIR / "oms" / "settings.py").read_text(encoding="utf-8")
    lines = text.splitlines()
    calls = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {*KINDS, "whole", "choice"}
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "env"
    ]
    return [_setting(node, lines) for node in sorted(calls, key=lambda node: node.lineno)]


def _setting(node: ast.Call, lines: list[str]) -> Setting:
    assert isinstance(node.func, ast.Attribute)
    assert isinstance(node.args[0], ast.Constant)
    extra = {keyword.arg or "": keyword.value for keyword in node.keywords}
    kind = KINDS.get(node.func.attr, "")
    if node.func.attr == "whole":
        least, most = (int(ast.literal_eval(extra[name])) for name in ("least", "most"))
        kind = f"whole number, {least} to {most:,}"
    elif node.func.attr == "choice":
        words = re.findall(r'"([^"]+)"', ast.unparse(extra["among"]).replace("'", '"'))
        kind = " or ".join(words or ["the name of a lane"])
    row = node.lineno - 1
    section = next(
        (m[1] for line in reversed(lines[:row]) if (m := re.match(r"# --- (.+?) -{3,}", line))),
        "Installation",
    )
    return Setting(
        section.split(":")[0], str(node.args[0].value), kind, _default(extra), _comment(lines, row)
    )


def _default(extra: dict[str, ast.expr]) -> str:
    node = extra.get("default")
    if node is None:
        return ""
    try:
        value = ast.literal_eval(node)
    except ValueError:
        known = {"str(BASE_DIR / '.env')": ".env", "max(OMS_WORKERS, 4)": "4, or OMS_WORKERS if more"}
        return known.get(ast.unparse(node), ast.unparse(node))
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, list | tuple) else str(value)


def _comment(lines: list[str], row: int) -> str:
    while row > 0 and not lines[row].lstrip().startswith("#"):
        row -= 1  # inside a call of several lines, or a group of settings under one comment
    end = row
    while lines[row - 1].lstrip().startswith("#") and not lines[row - 1].startswith("# ---"):
        row -= 1
    return " ".join(line.lstrip("# ") for line in lines[row : end + 1])


def settings_page() -> str:
    """Return docs/settings.md."""
    out = [
        "# Settings",
        "",
        SETTINGS_INTRO,
    ]
    section = ""
    for row in settings_read():
        if row.section != section:
            section = row.section
            out += ["", f"## {section}", "", "| setting | value | default | purpose |", "|---|---|---|---|"]
        default = f"`{row.default}`" if row.default else "(empty)"
        purpose = row.purpose.replace("|", "\\|")
        out.append(f"| `{row.name}` | {row.kind} | {default} | {purpose} |")
    return "\n".join(out) + "\n"


# ---------------------------------------------------------------- commands


def own_commands() -> Iterator[tuple[str, argparse.ArgumentParser, object]]:
    """Yield name, parser and command of each command of our own apps, by name."""
    ours = {
        config.name
        for config in apps.get_app_configs()
        if Path(config.path).is_relative_to(settings.BASE_DIR)
    }
    virtual = Path(settings.BASE_DIR) / ".venv"
    for name, label in sorted(get_commands().items()):
        if label in ours and not Path(apps.get_app_config(label.rpartition(".")[2]).path).is_relative_to(
            virtual
        ):
            command = load_command_class(label, name)
            yield name, command.create_parser("manage.py", name), command


def commands_page() -> str:
    """Return docs/commands.md."""
    codes = "; ".join(f"{code}: {words}" for code, words in sorted(EXIT_CODES.items()))
    out = [
        "# Commands",
        "",
        COMMANDS_INTRO,
        "",
        OUTCOME_INTRO % codes,
    ]
    for name, parser, command in own_commands():
        out += ["", f"## {name}", "", " ".join((parser.description or "").split()), ""]
        for action in parser._actions:
            if action.help == argparse.SUPPRESS or _is_of_django(action):
                continue
            words = ", ".join(f"`{option}`" for option in action.option_strings) or f"`{action.dest}`"
            value = (
                f" `{action.metavar or action.dest.upper()}`"
                if action.option_strings and action.nargs != 0
                else ""
            )
            out.append(f"- {words}{value}: {' '.join(str(action.help or '').split())}")
        if isinstance(command, ManifoldCommand):
            if command.exit_codes:
                listed = "; ".join(f"{code}: {words}" for code, words in sorted(command.exit_codes.items()))
                out += ["", f"Exit codes — {listed}."]
            out += ["", f"JSON: `{command.result_form}`"]
    out += ["", "## Of Django", "", *[f"- `{name}`: {words}" for name, words in OTHERS.items()]]
    return "\n".join(out) + "\n"


def _is_of_django(action: argparse.Action) -> bool:
    of_all = {
        "help",
        "version",
        "verbosity",
        "settings",
        "pythonpath",
        "traceback",
        "no_color",
        "force_color",
    }
    return action.dest in {*of_all, "skip_checks"}
