"""`manage.py qcluster`: django-q2's command, with the processes of `oms.cluster`."""

from __future__ import annotations

from typing import Any

from django_q.management.commands import qcluster

from oms.cluster.install import install


class Command(qcluster.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        """Run a lane until it is asked to stop."""
        install()
        super().handle(*args, **options)  # type: ignore[no-untyped-call]
