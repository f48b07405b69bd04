"""`manage.py qcluster`: django-q2's command, with the processes of `oms.cluster`."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django_q.management.commands import qcluster

from oms.cluster.install import install


class Command(qcluster.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        """Run a lane until it is asked to stop."""
        name = options.get("cluster_name")
        if name and name not in settings.OMS_LANES:
            raise CommandError(
                f"There is no lane “{name}”. Lanes: {', '.join(settings.OMS_LANES)}.", returncode=2
            )
        install()
        super().handle(*args, **options)  # type: ignore[no-untyped-call]
