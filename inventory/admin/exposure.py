"""The page Exposure: where stores offered more than was available, why, and the buffer that avoids it (R-PLUS-02)."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalogue.models import ListingVariant
from inventory.admin.reports import EXPORT, SHOWN, StockReport
from inventory.errors import StockError
from inventory.reports.exposure import WEEKS, exposed
from inventory.services.exposure import set_buffer
from oms.kit.admin.export.files import table_file
from oms.kit.admin.pages import add
from oms.kit.numbers import whole_number

LIMITS = "inventory.change_stockpolicy"


class ExposurePage(StockReport):
    """Exposure by SKU, store and week, the worst first."""

    title = _("Exposure")
    template_name = "inventory/exposure.html"
    write_permission: ClassVar[Any] = LIMITS

    @staticmethod
    def weeks(request: HttpRequest) -> int:
        """Return how many weeks the request asks for; 4 for anything else than the offered ones."""
        asked = whole_number(request.GET.get("weeks", ""))
        return asked if asked in WEEKS else 4

    def show(self, request: HttpRequest) -> HttpResponse:
        weeks = self.weeks(request)
        rows = exposed(weeks, most=SHOWN + 1)
        return self.render(
            rows=rows[:SHOWN],
            is_cut=len(rows) > SHOWN,
            shown=SHOWN,
            choices=[(number, number == weeks) for number in WEEKS],
            weeks=weeks,
            may_export=request.user.has_perm(EXPORT),
        )

    def post(self, request: HttpRequest) -> HttpResponse:
        """Set the buffer of one SKU in its store."""
        here = HttpResponseRedirect(f"{reverse('admin:exposure')}?weeks={self.weeks(request)}")
        key = whole_number(request.POST.get("listed", "")) or 0
        listed = ListingVariant.objects.select_related("connection").filter(pk=key).first()
        buffer = whole_number(request.POST.get("buffer", ""))
        if listed is None or buffer is None:
            messages.error(request, gettext("Choose a SKU and a buffer."))
            return here
        try:
            set_buffer(listed, buffer)
        except StockError as error:
            messages.error(request, str(error))
            return here
        messages.success(
            request,
            gettext("%(store)s keeps a buffer of %(buffer)d units of %(sku)s now.")
            % {"store": listed.connection.name, "buffer": buffer, "sku": listed.external_sku},
        )
        return here

    def file(self, request: HttpRequest) -> HttpResponseBase:
        headings = [
            gettext("SKU"),
            gettext("Store"),
            gettext("Week of"),
            gettext("Seconds"),
            gettext("Overlap (units)"),
            gettext("Unit seconds"),
            gettext("Cause"),
            gettext("Not ended"),
            gettext("Overlap of all stores now"),
            gettext("Buffer"),
            gettext("Buffer that avoids it"),
        ]
        rows = (
            [
                row.sku,
                row.store,
                row.week,
                row.seconds,
                row.overlap,
                row.unit_seconds,
                row.cause,
                row.is_open,
                row.together,
                row.buffer,
                row.advised,
            ]
            for row in exposed(self.weeks(request))
        )
        return table_file(f"exposure-{timezone.localdate()}", headings, rows)


add(("inventory/exposure/", ExposurePage, "exposure"))
