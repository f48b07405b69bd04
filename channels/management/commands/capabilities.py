"""`capabilities`: print the capabilities of each channel, their defaults, and why a channel lacks one."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from channels.contract.registry import specs
from oms.kit.management.cli import DONE, CouldNot, ManifoldCommand


class Command(ManifoldCommand):
    help = "Print the capability matrix of the configured channels."
    has_store = False
    has_dry_run = False

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--channel", help="Only this channel.")
        parser.add_argument(
            "--markdown", action="store_true", help="Print the table of docs/channels/<channel>.md."
        )

    def run(self, **options: Any) -> tuple[int, Any]:
        configured = specs()
        wanted = options["channel"]
        if wanted is not None and wanted not in configured:
            raise CouldNot(f"No channel “{wanted}”. Channels: {', '.join(configured)}.")
        self.is_markdown = options["markdown"]
        return DONE, {key: spec.as_matrix() for key, spec in configured.items() if wanted in (None, key)}

    def say(self, result: Any) -> None:
        if self.is_markdown:
            self.stdout.write("| capability | | why |\n|---|---|---|")
            for column in result.values():
                for capability, cell in column.items():
                    word = "no" if not cell["supported"] else "yes" if cell["default"] else "yes (off)"
                    self.stdout.write(f"| {capability} | {word} | {cell.get('reason', '')} |")
            return
        for key, column in result.items():
            self.stdout.write(f"\n{key}")
            for capability, cell in column.items():
                word = "no " if not cell["supported"] else "yes" if cell["default"] else "off"
                self.stdout.write(f"  {word} {capability:<22} {cell.get('reason', '')}".rstrip())
