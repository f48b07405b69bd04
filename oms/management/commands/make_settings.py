"""`make_settings`: write the settings file of a real installation. `manage.py` runs it before the settings are read."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from oms.upkeep import settings_file


class Command(BaseCommand):
    """Here so that `manage.py help` lists it, and for `call_command`."""

    help = settings_file.HELP
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        for action in settings_file.parser()._actions:
            if not isinstance(action, argparse._HelpAction):
                parser._add_action(action)

    def handle(self, *args: Any, **options: Any) -> None:
        made = settings_file.parser()
        names = {action.dest: action for action in made._actions}
        words = []
        for dest, action in names.items():
            value = options.get(dest)
            if value is True:
                words.append(action.option_strings[0])
            elif isinstance(value, str) and value:
                words += [action.option_strings[0], value]
        if code := settings_file.main(words):
            raise SystemExit(code)
