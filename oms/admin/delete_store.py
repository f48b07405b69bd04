"""The page on which an owner deletes a disconnected store; its orders and documents stay (F-72)."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels.admin.store.page import StorePage, go
from channels.models import Connection
from oms.kit.admin import pages, panels
from oms.upkeep import deleting
from oms.upkeep.archive import UpkeepError

#: Rows of each kind that the page counts: beyond it says “more than”.
COUNTED = 10_000


class DeleteStore(StorePage):
    """Say what goes and what stays; the deleting itself is a job."""

    title = _("Delete store")
    permission: ClassVar[Any] = deleting.PERMISSION
    write_permission: ClassVar[Any] = deleting.PERMISSION

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        try:
            plan = deleting.plan(self.store, most=COUNTED)
        except UpkeepError as error:
            messages.error(request, str(error))
            return go("store", pk)
        goes, stays = (deleting.written(part, most=COUNTED) for part in (plan.deleted, plan.kept))
        lines = [
            gettext("Deleted for good: %s.") % ", ".join(goes)
            if goes
            else gettext("It has no rows of its own."),
            gettext("Kept: %s.") % ", ".join(stays)
            if stays
            else gettext("No order or document refers to it: nothing of it stays."),
            gettext("Products and stock are not changed."),
        ]
        return self.confirm(
            question=gettext("Delete %s?") % self.store,
            lines=lines,
            button=gettext("Delete %s") % self.store,
            back=reverse("admin:store", args=[pk]),
            is_dangerous=True,
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        try:
            job = deleting.start(self.store, by=request.user)
        except UpkeepError as error:
            messages.error(request, str(error))
            return go("store", pk)
        return go("job", job.pk)


@panels.panel(
    Connection,
    "delete",
    label=_("Delete store"),
    permission=deleting.PERMISSION,
    template="oms/parts/delete_store.html",
    position=900,
)
def delete_card(request: HttpRequest, store: Connection) -> dict[str, Any] | None:
    """Return the card of a disconnected store; None for any other."""
    return {"store": store} if store.state == Connection.State.DISCONNECTED and not store.is_deleted else None


pages.add(("integrations/ecommerce-sales-channels/<key:pk>/delete/", DeleteStore, "store_delete"))
