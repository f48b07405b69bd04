"""Accounts at carriers: the list, and the page of each with its keys, settings and switches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.db.models import Count, Q, Sum
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels.contract.carriers.spec import CarrierCapability, CarrierSpec
from channels.contract.registry import carrier_specs
from channels.models import Connection
from channels.stores import connect as store_connect
from channels.stores import services as store_services
from oms.kit.admin.base import dress
from oms.kit.admin.pages import Page, add, form_token, is_repeated
from oms.kit.authors.actors import person
from orders.choices import LabelFileFormat
from orders.models import Carrier, CarrierAccount
from orders.services.labels import accounts
from orders.services.labels.accounts import SENDER, AccountError

VIEW, CHANGE = "channels.view_connection", "channels.change_connection"
INTEGRATIONS = _("Integrations")
ACCOUNTS = _("Carrier accounts")
COUNTRY = {"maxlength": 2, "size": 3}


class AccountForm(forms.Form):
    """The settings of an account; `spec` decides which of them its carrier has."""

    name = forms.CharField(label=_("Name"), max_length=120)
    carrier = forms.ModelChoiceField(
        label=_("Carrier"),
        queryset=Carrier.objects.filter(is_active=True).order_by("name"),
        required=False,
        help_text=_("Labels of its shipments are bought here. Empty: the carrier that the service names."),
    )
    default_service = forms.CharField(
        label=_("Default service"),
        max_length=120,
        required=False,
        help_text=_("The carrier's code of a service."),
    )
    label_format = forms.ChoiceField(label=_("Format of labels"), choices=LabelFileFormat.choices)
    default_grams = forms.IntegerField(
        label=_("Weight where a SKU has none (g)"), required=False, min_value=1, max_value=1_000_000
    )
    is_test = forms.BooleanField(
        label=_("Test account"), required=False, help_text=_("Only labels that cost nothing are bought.")
    )
    hs_code = forms.CharField(
        label=_("HS code of the goods"), max_length=12, required=False, help_text=_("For customs.")
    )
    origin = forms.CharField(label=_("Country of origin"), max_length=2, required=False)
    number_prefix = forms.CharField(label=_("Prefix of numbers"), max_length=10, required=False)
    last_number = forms.IntegerField(label=_("Last number used"), required=False, min_value=0)
    end_number = forms.IntegerField(
        label=_("End of the range"), required=False, min_value=1, initial=99_999_999
    )
    sender_name = forms.CharField(label=_("Sender: name"), max_length=120, required=False)
    sender_company = forms.CharField(label=_("Sender: company"), max_length=120, required=False)
    sender_line1 = forms.CharField(
        label=_("Sender: street"),
        max_length=120,
        required=False,
        help_text=_("Empty: the warehouse's address."),
    )
    sender_line2 = forms.CharField(label=_("Sender: second line"), max_length=120, required=False)
    sender_city = forms.CharField(label=_("Sender: town"), max_length=120, required=False)
    sender_postcode = forms.CharField(label=_("Sender: postcode"), max_length=12, required=False)
    sender_country = forms.CharField(label=_("Sender: country"), max_length=2, required=False)
    sender_phone = forms.CharField(label=_("Sender: phone"), max_length=40, required=False)
    sender_email = forms.EmailField(label=_("Sender: e-mail"), max_length=120, required=False)

    def __init__(self, spec: CarrierSpec, *args: Any, is_new: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.spec = spec
        keys: dict[str, forms.Field] = {}
        for field in spec.credential_fields:
            keys[f"key_{field.name}"] = forms.CharField(
                label=field.label,
                help_text=field.help_text
                if is_new or not field.is_secret
                else _("Empty: the stored value stays. It is never shown."),
                required=field.is_required and (is_new or not field.is_secret),
                max_length=300,
                widget=forms.PasswordInput(attrs={"autocomplete": "off"})
                if field.is_secret
                else forms.TextInput(attrs={"autocomplete": "off"}),
            )
        own = ("number_prefix", "last_number", "end_number")
        bought = ("default_service", "label_format", "is_test", "hs_code", "origin")
        for name in bought if spec.own_numbers else own:
            del self.fields[name]
        if not spec.own_numbers:
            formats = [f for f in LabelFileFormat if spec.can(CarrierCapability(f.value))]
            self.fields["label_format"] = forms.ChoiceField(
                label=_("Format of labels"), choices=[(f.value, f.label) for f in formats]
            )
        if "is_test" in self.fields and not spec.can(CarrierCapability.TEST_MODE):
            self.fields["is_test"].disabled = True
            self.fields["is_test"].help_text = spec.why_cannot(CarrierCapability.TEST_MODE)
        self.fields = {"name": self.fields.pop("name"), **keys, **self.fields}

    @property
    def credentials(self) -> dict[str, Any]:
        """The keys that were entered."""
        return {
            field.name: self.cleaned_data.get(f"key_{field.name}", "")
            for field in self.spec.credential_fields
        }

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that were entered."""
        given = {
            k: v
            for k, v in self.cleaned_data.items()
            if not k.startswith(("key_", "sender_")) and k != "name"
        }
        if given.get("end_number") is None:
            given.pop("end_number", None)
        sender = {part: self.cleaned_data.get(f"sender_{part}", "") for part in SENDER}
        sender["country"] = sender["country"].upper()
        given["origin"] = str(given.get("origin") or "").upper()
        if "number_prefix" in given:
            given["prefix"] = given.pop("number_prefix")
        return {**given, "sender": {k: v for k, v in sender.items() if v}}

    def show(self, error: AccountError) -> None:
        """Show an error beside its field."""
        name = {"prefix": "number_prefix"}.get(error.field, error.field)
        field = name if name in self.fields else f"key_{name}"
        self.add_error(field if field in self.fields else None, str(error))


def initial_of(account: CarrierAccount) -> Mapping[str, Any]:
    """Return the stored settings for the form; no secrets."""
    row = account.connection
    public = {
        f"key_{field.name}": row.credentials.get(field.name, "")
        for field in account.spec.credential_fields
        if not field.is_secret
    }
    sender = {f"sender_{part}": account.sender.get(part, "") for part in SENDER}
    own = {name: getattr(account, name) for name in accounts.SETTINGS if name != "sender"}
    return {
        **own,
        **public,
        **sender,
        "number_prefix": account.prefix,
        "name": row.name,
        "is_test": account.is_test,
    }


class _AccountPage(Page):
    permission: ClassVar[Any] = VIEW
    write_permission: ClassVar[Any] = CHANGE

    def crumbs(self) -> Any:
        return ((INTEGRATIONS, ""), (ACCOUNTS, reverse("admin:carrier_accounts")))

    def account(self, pk: int) -> CarrierAccount:
        found = CarrierAccount.objects.select_related("connection", "carrier").filter(pk=pk).first()
        if found is None:
            raise Http404(gettext("This carrier account does not exist."))
        return found


class Accounts(_AccountPage):
    """All accounts, and what can be connected."""

    title = ACCOUNTS
    template_name = "orders/carriers/accounts.html"

    def crumbs(self) -> Any:
        return ((INTEGRATIONS, ""),)

    def get(self, request: HttpRequest) -> HttpResponse:
        rows = CarrierAccount.objects.select_related("connection", "carrier").order_by("connection__name")
        bought = Q(labels__state="bought")
        rows = rows.annotate(sold=Count("labels", filter=bought), spent=Sum("labels__cost", filter=bought))
        return self.render(accounts=rows, kinds=list(carrier_specs().values()))


class NewAccount(_AccountPage):
    """Connect an account: its keys are verified by a real call."""

    permission = CHANGE
    template_name = "orders/carriers/account_new.html"

    def _spec(self, key: str) -> CarrierSpec:
        spec = carrier_specs().get(key)
        if spec is None:
            raise Http404(gettext("This carrier does not exist."))
        self.title = gettext("Connect %s") % spec.label
        return spec

    def get(self, request: HttpRequest, key: str) -> HttpResponse:
        spec = self._spec(key)
        return self.render(form=dress(AccountForm(spec)), spec=spec, token=form_token())

    def post(self, request: HttpRequest, key: str) -> HttpResponse:
        spec = self._spec(key)
        form = AccountForm(spec, request.POST)
        if form.is_valid():
            try:
                with transaction.atomic():
                    if is_repeated(request):
                        return HttpResponseRedirect(reverse("admin:carrier_accounts"))
                    account = accounts.connect(
                        key=key,
                        name=form.cleaned_data["name"],
                        credentials=form.credentials,
                        settings=form.settings,
                        by=person(request.user),
                    )
            except AccountError as error:
                form.show(error)
            else:
                messages.success(request, gettext("%s is connected.") % account)
                return HttpResponseRedirect(reverse("admin:carrier_account", args=[account.pk]))
        return self.render(form=dress(form), spec=spec, token=form_token())


class Account(_AccountPage):
    """One account."""

    template_name = "orders/carriers/account.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        account = self.account(pk)
        return self.show(account, AccountForm(account.spec, initial=initial_of(account), is_new=False))

    def show(self, account: CarrierAccount, form: AccountForm) -> HttpResponse:
        """Answer with the page; `form` may have errors."""
        self.title = str(account)
        row = account.connection
        hook = ""
        if account.spec.can(CarrierCapability.WEBHOOKS) and settings.OMS_PUBLIC_URL:
            hook = f"{settings.OMS_PUBLIC_URL}/hooks/{row.channel}/{row.pk}/"
        return self.render(
            account=account,
            row=row,
            form=dress(form),
            matrix=account.spec.carrier_matrix(),
            hook=hook,
            is_connected=row.state != Connection.State.DISCONNECTED,
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        account = self.account(pk)
        form = AccountForm(account.spec, request.POST, is_new=False)
        if not form.is_valid():
            return self.show(account, form)
        try:
            accounts.change(
                account=account,
                name=form.cleaned_data["name"],
                credentials=form.credentials,
                settings=form.settings,
                by=person(request.user),
            )
        except AccountError as error:
            form.show(error)
            return self.show(account, form)
        messages.success(request, gettext("Carrier account saved."))
        return HttpResponseRedirect(reverse("admin:carrier_account", args=[pk]))


class AccountState(_AccountPage):
    """Pause and resume."""

    permission = CHANGE

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        account, do = self.account(pk), request.POST.get("do", "")
        if do not in ("pause", "resume"):
            raise Http404(gettext("This action does not exist."))
        try:
            if do == "pause":
                store_services.pause(
                    connection=account.connection, reason=gettext("Paused by %s.") % request.user
                )
                text = gettext("%s is paused. No labels are bought with it.")
            else:
                store_services.resume(connection=account.connection)
                text = gettext("%s is active again.")
        except store_connect.StoreError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, text % account)
        return HttpResponseRedirect(reverse("admin:carrier_account", args=[pk]))


class AccountEnd(_AccountPage):
    """Disconnect an account, after a confirmation."""

    title = _("Disconnect")
    permission = CHANGE

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        account = self.account(pk)
        return self.confirm(
            question=gettext("Disconnect %s?") % account,
            lines=[
                gettext(
                    "Its keys are deleted. No labels are bought with it, and its parcels are not asked about."
                ),
                gettext("Labels that were bought stay, with their files and costs."),
            ],
            button=gettext("Disconnect %s") % account,
            back=reverse("admin:carrier_account", args=[pk]),
            is_dangerous=True,
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        account = self.account(pk)
        try:
            accounts.disconnect(account=account, by=person(request.user))
        except AccountError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(reverse("admin:carrier_account", args=[pk]))
        messages.success(request, gettext("%s is disconnected.") % account)
        return HttpResponseRedirect(reverse("admin:carrier_accounts"))


add(
    ("integrations/carriers/", Accounts, "carrier_accounts"),
    ("integrations/carriers/connect/<slug:key>/", NewAccount, "carrier_account_new"),
    ("integrations/carriers/<key:pk>/", Account, "carrier_account"),
    ("integrations/carriers/<key:pk>/state/", AccountState, "carrier_account_state"),
    ("integrations/carriers/<key:pk>/disconnect/", AccountEnd, "carrier_account_disconnect"),
)
