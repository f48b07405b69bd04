"""The base of all management commands: options, progress bar, JSON output, exit codes.

Exit codes: 0 done, 1 done with refusals, 2 could not run. `--help` and docs/commands.md say what they mean for a command.
"""

from __future__ import annotations

import getpass
import json
import sys
import textwrap
from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser, DjangoHelpFormatter
from django.db import DatabaseError, connection
from django.utils.translation import gettext as _

from oms.kit.authors import actors
from oms.kit.background import jobs
from oms.kit.models import Job

DONE, REFUSALS, COULD_NOT = 0, 1, 2


def account_name() -> str:
    """Return the account of the server that runs this process; "" where it has no name (some containers)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return ""


class CouldNot(Exception):
    """The command cannot run; the text says why."""


class HelpFormatter(RawDescriptionHelpFormatter, DjangoHelpFormatter):
    """Django's help with its sequence of options, and our list of exit codes as it was written."""


#: What each exit code means where a command says nothing else.
EXIT_CODES = {
    DONE: "done",
    REFUSALS: "done, but something was refused or left; the text says what",
    COULD_NOT: "could not run; one sentence says why, and nothing was changed",
}


class ManifoldCommand(BaseCommand):
    """The base of a command: options `--store`, `--dry-run`, `--json`, `--quiet`; `run` does the work.

    `run` returns an exit code, or (exit code, result); the result is printed as JSON, or in words by `say`. It raises
    `CouldNot` with a sentence when the command cannot run. `has_store` and `has_dry_run` False: without that option.
    `exit_codes` says what the codes mean where that differs, `result_form` is an example of what `--json` prints.
    """

    has_store = True
    has_dry_run = True
    needs_store = False
    exit_codes: dict[int, str] = {}
    result_form = '{"ok": true}'

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        kwargs.setdefault("formatter_class", HelpFormatter)
        kwargs.setdefault("epilog", self.outcome_text())
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.description = textwrap.fill(parser.description or "", 100)
        return parser

    def outcome_text(self) -> str:
        """Return the lines of `--help` about exit codes and the form of `--json`."""
        codes = EXIT_CODES | self.exit_codes
        return "\n".join(
            [
                "exit codes:",
                *(f"  {code}  {words}" for code, words in sorted(codes.items())),
                "--json prints one object on one line:",
                f"  {self.result_form}",
                '  when it could not run: {"ok": false, "error": "one sentence"}',
            ]
        )

    def add_arguments(self, parser: CommandParser) -> None:
        if self.has_store:
            parser.add_argument(
                "--store",
                required=self.needs_store,
                help="Name or number of the store; all of them without it.",
            )
        if self.has_dry_run:
            parser.add_argument(
                "--dry-run", action="store_true", help="Print what would be done, change nothing."
            )
        parser.add_argument("--json", action="store_true", help="Print one JSON object and nothing else.")
        parser.add_argument(
            "--quiet",
            action="store_true",
            help="Print nothing when the exit code is 0, for cron: then only a run that needs attention sends a mail.",
        )
        self.add_options(parser)

    def add_options(self, parser: CommandParser) -> None:
        """Add the command's own options."""

    def run(self, **options: Any) -> int | tuple[int, Any]:
        """Do the work; return an exit code, or (exit code, result). Raises `CouldNot`."""
        raise NotImplementedError

    def say(self, result: Any) -> None:
        """Print the result for a person."""
        for key, value in result.items() if isinstance(result, dict) else ():
            self.stdout.write(f"{key}: {value}")

    def handle(self, *args: Any, **options: Any) -> None:
        as_json = bool(options.get("json"))
        if self.has_dry_run and not as_json and not options.get("quiet"):
            # Services and commands may read other settings: who changes something sees where.
            self.stderr.write(f"Database: {database_name()}")
        try:
            with actors.acting(actors.command(type(self).__module__.rpartition(".")[2], account_name())):
                outcome = self.run(**options)
        except (CouldNot, ImproperlyConfigured, DatabaseError) as error:
            if as_json:
                self.stdout.write(json.dumps({"ok": False, "error": str(error)}, ensure_ascii=False))
                raise SystemExit(COULD_NOT) from error
            raise CommandError(str(error), returncode=COULD_NOT) from error
        code, result = outcome if isinstance(outcome, tuple) else (outcome, None)
        if result is not None and (code or not options.get("quiet")):
            if as_json:
                self.stdout.write(json.dumps(result, ensure_ascii=False, default=str))
            else:
                self.say(result)
        if code:
            raise SystemExit(code)

    def shows_bar(self, *, as_json: bool) -> bool:
        """Whether a bar is drawn: on a terminal, and not where a program reads."""
        return not as_json and sys.stderr.isatty()

    def work(self, job: Job, *, as_json: bool) -> Job:
        """Work a job in this process until it ends, with a bar on a terminal; Ctrl-C cancels it at the next safe point."""
        bar = Bar(job.title, shown=self.shows_bar(as_json=as_json))
        try:
            job = jobs.run_here(job, bar.show)
        except KeyboardInterrupt:
            jobs.cancel(job=job)
            job = jobs.run_here(job, bar.show)
        bar.end()
        return job


def database_name() -> str:
    """Return the database that commands work on, without its password; a command that changes something prints it."""
    known = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"SQLite {known['NAME']}"
    where = f"{known.get('HOST') or 'localhost'}:{known.get('PORT') or 5432}"
    return f"PostgreSQL {known['NAME']} on {where}"


def code_of(job: Job) -> int:
    """Return the exit code for a finished job."""
    if job.state != Job.State.DONE:
        return COULD_NOT
    return REFUSALS if job.refused else DONE


def outcome_of(job: Job) -> dict[str, Any]:
    """Return a finished job as `--json` prints it."""
    return {
        "ok": job.state == Job.State.DONE and not job.refused,
        "state": str(job.state),
        "message": job.message,
        "done": job.done,
        "refused": job.refused,
        **job.result,
    }


class Bar:
    """A progress bar in one line of the terminal: done, rate, time left."""

    WIDTH = 30

    def __init__(self, title: str, *, shown: bool) -> None:
        self.title = title
        self.shown = shown

    def show(self, job: Job) -> None:
        if not self.shown:
            return
        state = jobs.progress(job)
        filled = self.WIDTH * (state.percent or 0) // 100
        bar = f"[{'#' * filled}{'.' * (self.WIDTH - filled)}]" if state.percent is not None else ""
        left = _("%d s left") % state.seconds_left if state.seconds_left is not None and job.is_live else ""
        of = f"/{job.total}" if job.total else ""
        words = [self.title, bar, f"{job.done}{of}", f"{state.per_second:.1f}/s", left, job.message]
        sys.stderr.write("\r\x1b[K" + " ".join(word for word in words if word)[:160])
        sys.stderr.flush()

    def end(self) -> None:
        if self.shown:
            sys.stderr.write("\n")
