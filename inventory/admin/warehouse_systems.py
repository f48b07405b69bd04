"""Warehouse systems (WMS): the list, and the page of each with its address, warehouses and switches."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels.models import Connection, OutboxMessage
from channels.stores import connect, services
from inventory.errors import StockError
from inventory.models import Warehouse
from inventory.services import wms_setup
from oms.kit.admin.base import RowsField, dress
from oms.kit.admin.pages import Page, add, form_token, is_repeated
from oms.kit.authors.actors import person

VIEW, CHANGE = "channels.view_connection", "channels.change_connection"
INTEGRATIONS = _("Integrations")
SYSTEMS = _("Warehouse systems")


class SystemForm(forms.Form):
    """A warehouse system."""

    name = forms.CharField(label=_("Name"), max_length=120)
    url = forms.CharField(
        label=_("Address"), max_length=200, help_text=_("Manifold sends signed calls to it: https://…")
    )
    secret = forms.CharField(
        label=_("Secret"),
        max_length=120,
        required=False,
        help_text=_("Begins with whsec_. Empty: Manifold makes one, and shows it once."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    warehouses = RowsField(
        label=_("Warehouses"),
        queryset=Warehouse.objects.order_by("name"),
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "oms-rights"}),
        help_text=_("It picks the shipments of these warehouses that are released from now on."),
    )


class ChangeForm(SystemForm):
    """The same for one that is connected: its secret can be renewed, and is not shown."""

    secret = None  # type: ignore[assignment]
    renew_secret = forms.BooleanField(
        label=_("Make a new secret"),
        required=False,
        help_text=_(
            "The former one still verifies its calls, so that both sides can change one after the other."
        ),
    )


class _SystemPage(Page):
    permission: ClassVar[Any] = VIEW
    write_permission: ClassVar[Any] = CHANGE

    def crumbs(self) -> Any:
        return ((INTEGRATIONS, ""), (SYSTEMS, reverse("admin:wms_list")))

    def system(self, pk: int) -> Connection:
        found = Connection.objects.filter(pk=pk, kind=Connection.Kind.WMS).first()
        if found is None:
            raise Http404(gettext("This warehouse system does not exist."))
        return found

    def secret_shown(self, **extra: Any) -> HttpResponse:
        """Answer with a page that shows a new secret; no browser stores it."""
        answer = self.render(**extra)
        answer["Cache-Control"] = "no-store"
        return answer


class Systems(_SystemPage):
    """All warehouse systems."""

    title = SYSTEMS
    template_name = "inventory/wms_list.html"

    def crumbs(self) -> Any:
        return ((INTEGRATIONS, ""),)

    def get(self, request: HttpRequest) -> HttpResponse:
        rows = Connection.objects.filter(kind=Connection.Kind.WMS).defer("credentials", "webhook_secret")
        return self.render(systems=rows.prefetch_related("warehouses").order_by("name"))


class NewSystem(_SystemPage):
    """Connect a warehouse system."""

    title = _("Connect warehouse system")
    permission = CHANGE
    template_name = "inventory/wms_new.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.render(form=dress(SystemForm()), token=form_token())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = SystemForm(request.POST)
        if form.is_valid():
            given = form.cleaned_data
            try:
                with transaction.atomic():
                    if is_repeated(request):
                        return HttpResponseRedirect(reverse("admin:wms_list"))
                    row, secret = wms_setup.connect(
                        name=given["name"],
                        url=given["url"],
                        secret=given["secret"],
                        warehouse_ids=[one.pk for one in given["warehouses"]],
                        by=person(request.user),
                    )
            except StockError as error:
                form.add_error(None, str(error))
            else:
                return self.secret_shown(system=row, secret=secret)
        return self.render(form=dress(form), token=form_token())


class System(_SystemPage):
    """One warehouse system."""

    template_name = "inventory/wms.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.show(self.system(pk))

    def show(self, row: Connection, form: Any = None, secret: str = "") -> HttpResponse:
        """Answer with the page; `form` has errors, `secret` was just made."""
        self.title = row.name
        if form is None:
            chosen = list(row.warehouses.values_list("pk", flat=True))
            form = ChangeForm(initial={"name": row.name, "url": row.url, "warehouses": chosen})
        unsent = OutboxMessage.objects.filter(connection=row).unsent()
        return self.secret_shown(
            system=row,
            secret=secret,
            form=dress(form),
            failed=unsent.filter(parked_at__isnull=False).count(),
            waiting=unsent.filter(parked_at=None).count(),
            api_url=f"{settings.OMS_PUBLIC_URL}/wms/v1",
            is_connected=row.state != Connection.State.DISCONNECTED,
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.system(pk)
        form = ChangeForm(request.POST)
        if not form.is_valid():
            return self.show(row, form)
        given = form.cleaned_data
        try:
            secret = wms_setup.change(
                connection=row,
                name=given["name"],
                url=given["url"],
                warehouse_ids=[one.pk for one in given["warehouses"]],
                renew_secret=given["renew_secret"],
                by=person(request.user),
            )
        except StockError as error:
            form.add_error(None, str(error))
            return self.show(row, form)
        messages.success(request, gettext("Warehouse system saved."))
        if secret:
            return self.show(self.system(pk), secret=secret)
        return HttpResponseRedirect(reverse("admin:wms", args=[pk]))


class SystemState(_SystemPage):
    """Pause, resume, make it live or read-only."""

    permission = CHANGE

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row, do = self.system(pk), request.POST.get("do", "")
        words = {
            "pause": gettext("%s is paused. Nothing is sent to it."),
            "resume": gettext("%s is active again."),
            "live": gettext("%s is live. Shipments are sent to it."),
            "read_only": gettext("%s is read-only. Nothing is sent to it."),
        }
        if do not in words:
            raise Http404(gettext("This action does not exist."))
        try:
            if do == "pause":
                services.pause(connection=row, reason=gettext("Paused by %s.") % request.user)
            elif do == "resume":
                services.resume(connection=row)
            elif do == "live":
                services.switch_on(connection=row)
            else:
                services.set_read_only(connection=row)
        except connect.StoreError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, words[do] % row)
        return HttpResponseRedirect(reverse("admin:wms", args=[pk]))


class SystemEnd(_SystemPage):
    """Disconnect a warehouse system, after a confirmation."""

    title = _("Disconnect")
    permission = CHANGE

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.system(pk)
        return self.confirm(
            question=gettext("Disconnect %s?") % row,
            lines=[
                gettext("The secret is deleted. Nothing is sent, and its calls are refused."),
                gettext("Shipments that it works on stay open: pack and ship them yourself."),
            ],
            button=gettext("Disconnect %s") % row,
            back=reverse("admin:wms", args=[pk]),
            is_dangerous=True,
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.system(pk)
        wms_setup.disconnect(connection=row, by=person(request.user))
        messages.success(request, gettext("%s is disconnected.") % row)
        return HttpResponseRedirect(reverse("admin:wms_list"))


add(
    ("integrations/warehouse-systems/", Systems, "wms_list"),
    ("integrations/warehouse-systems/connect/", NewSystem, "wms_new"),
    ("integrations/warehouse-systems/<key:pk>/", System, "wms"),
    ("integrations/warehouse-systems/<key:pk>/state/", SystemState, "wms_state"),
    ("integrations/warehouse-systems/<key:pk>/disconnect/", SystemEnd, "wms_disconnect"),
)
