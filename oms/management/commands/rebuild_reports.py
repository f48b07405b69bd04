"""`rebuild_reports`: compute the figures of the reports anew from the orders."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from orders.models import ReportDay
from orders.ops.reports import rollups


class Command(BaseCommand):
    help = "Compute the figures of all days of the reports anew. Reports can be read meanwhile."

    def handle(self, *args: Any, **options: Any) -> None:
        rollups.mark()
        days = list(ReportDay.objects.order_by("-day").values_list("day", flat=True))
        for day in days:
            rollups.build_day(day)
        self.stdout.write(f"{len(days):,} days computed.")
