#!/usr/bin/env python
"""Django's command line, and the one place that says what to do when nothing is configured yet."""

from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oms.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit(
            "Django is not installed in this Python: run `make setup`, then `.venv/bin/python manage.py`."
        )
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command == "run":
        from oms.devserver import local_settings

        try:
            local_settings.ensure()  # before the settings are read
        except OSError as error:
            sys.exit(local_settings.cannot_write(local_settings.var_dir(), error))
    elif command == "make_settings":
        from oms.upkeep import settings_file

        sys.exit(settings_file.main(sys.argv[2:]))
    elif command == "qcluster":
        from oms.devserver import parent_death

        parent_death.tie_forks()
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured

    try:
        settings.SECRET_KEY  # noqa: B018
    except ImproperlyConfigured as error:
        if "SECRET_KEY" not in str(error):
            sys.stderr.write(f"{error}\n")
            sys.exit(2)
        sys.exit(
            f"{error} Run `manage.py make_settings` to get the settings of a real installation, "
            "or `make setup` for a demo on this machine alone."
        )
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
