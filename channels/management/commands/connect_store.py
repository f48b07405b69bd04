"""`connect_store`: connect a store from a terminal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from channels.contract.registry import specs
from channels.stores import connect, first_sync
from oms.kit.management.cli import COULD_NOT, DONE, REFUSALS, CouldNot, ManifoldCommand
from oms.kit.models import Job


class Command(ManifoldCommand):
    help = (
        "Connect a store: its credentials are tested with a real call before anything is saved. "
        "The value @file is read from that file, and - from the terminal, so that no secret is in the shell history."
    )
    has_store = False
    exit_codes = {
        DONE: "the store is connected and its first sync is done",
        REFUSALS: "the store is connected, but its first sync rejected records or did not end; the text says what",
        COULD_NOT: "the store was not connected, nothing was stored",
    }
    result_form = (
        '{"ok": true, "store": "My shop", "id": 3, "read_only": true, "message": "…", "report": {…}}'
    )

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("channel", help=f"One of: {', '.join(specs())}.")
        parser.add_argument("--name", help="Display name of the store.")
        fields: dict[str, str] = {}
        for spec in specs().values():
            for field in spec.credential_fields:
                fields.setdefault(field.name, str(field.label))
        for name, label in fields.items():
            parser.add_argument(f"--{name.replace('_', '-')}", dest=f"credential_{name}", help=label)
        parser.add_argument("--no-wait", action="store_true", help="Leave the first sync to the workers.")

    def run(self, **options: Any) -> tuple[int, Any]:
        configured = specs()
        channel: str = options["channel"]
        if channel not in configured:
            raise CouldNot(f"No channel “{channel}”. Channels: {', '.join(configured)}.")
        credentials = {
            field.name: _value(options[f"credential_{field.name}"])
            for field in configured[channel].credential_fields
            if options.get(f"credential_{field.name}") is not None
        }
        try:
            if options["dry_run"]:
                account = connect.verify_account(channel=channel, credentials=credentials)
                return DONE, {
                    "ok": True,
                    "dry_run": True,
                    "account": account.name,
                    "identity": account.identity,
                }
            store = connect.connect(
                channel=channel, name=options["name"] or configured[channel].label, credentials=credentials
            )
        except connect.StoreError as error:
            raise CouldNot(str(error)) from error
        result: dict[str, Any] = {
            "ok": True,
            "store": store.name,
            "id": store.pk,
            "read_only": store.is_read_only,
        }
        job = first_sync.latest(store)
        if job is None or options["no_wait"]:
            return DONE, result
        job = self.work(job, as_json=options["json"])
        code = DONE if job.state == Job.State.DONE and not job.refused else REFUSALS
        result |= {"ok": code == DONE, "message": job.message, "report": job.result}
        if job.state == Job.State.DONE and job.refused:
            result["message"] = (
                f"{job.message} The store is connected; {job.refused} records were rejected.".strip()
            )
        return code, result

    def say(self, result: Any) -> None:
        for key, value in result.items():
            if key != "report":
                self.stdout.write(f"{key}: {value}")
        for warning in result.get("report", {}).get("warnings", []):
            self.stdout.write(f"warning: {warning}")


def _value(given: str) -> str:
    if given == "-":
        return sys.stdin.readline().strip()
    if given.startswith("@"):
        try:
            return Path(given[1:]).read_text().strip()
        except OSError as error:
            raise CouldNot(f"The file {given[1:]} cannot be read: {error.strerror}.") from error
    return given
