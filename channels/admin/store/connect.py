"""Connect a store: choose a channel, enter its keys. A real call verifies them before anything is stored (R-CONN-06)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast
from urllib.parse import urlencode, urlsplit

from csp.decorators import csp_update
from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from channels.admin.store.page import ADD, CHANGE, StorePage, StoresPage, go
from channels.contract.registry import specs
from channels.contract.spec import Capability, ChannelSpec
from channels.models import Connection
from channels.stores import connect
from oms.kit.admin.base import dress
from oms.kit.admin.pages import Crumb
from oms.kit.authors.actors import person
from oms.kit.numbers import grouped

#: Capabilities that a card of the wizard names.
HIGHLIGHTS = (
    (Capability.PULL_ORDERS, _("orders")),
    (Capability.MANUAL_ORDERS, _("orders by hand")),
    (Capability.PUSH_STOCK, _("stock")),
    (Capability.PUSH_PRICE, _("prices")),
    (Capability.CREATE_LISTING_SINGLE, _("new listings")),
    (Capability.WEBHOOKS, pgettext_lazy("a channel can", "instant updates")),
    (Capability.PUSH_READY_TO_SHIP, _("tracking numbers")),
    (Capability.SPLIT_SHIPMENTS, _("split shipments")),
)
#: Capabilities that a card does not list when the channel lacks them.
HIDDEN_WHEN_MISSING = frozenset({Capability.MANUAL_ORDERS})


class KeysForm(forms.Form):
    """The inputs that the channel's spec declares. A secret is never written back into the page."""

    def __init__(
        self, spec: ChannelSpec, *args: Any, stored: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """`stored`: the credentials of the store that is reconnected; a disconnected store has none."""
        super().__init__(*args, **kwargs)
        self.spec = spec
        if stored is None:
            self.fields["name"] = forms.CharField(
                label=_("Display name"),
                max_length=120,
                help_text=_("Example: “UK shop”."),
            )
        for field in () if spec.sign_in else spec.credential_fields:
            widget: forms.Widget = forms.TextInput()
            if field.is_secret:
                widget = forms.PasswordInput(attrs={"autocomplete": "off"})
            help_text = field.help_text
            is_stored = bool(stored and stored.get(field.name))
            if is_stored and field.is_secret:
                help_text = _("Leave empty to keep the stored value.")
            self.fields[field.name] = forms.CharField(
                label=field.label,
                help_text=help_text,
                required=field.is_required and not is_stored,
                widget=widget,
                max_length=2000,
            )

    @property
    def credentials(self) -> Mapping[str, str]:
        """The entered values, by the name of the credential."""
        return {field.name: self.cleaned_data.get(field.name, "") for field in self.spec.credential_fields}

    def show_error(self, error: connect.StoreError) -> None:
        """Show the error next to the input that caused it."""
        self.add_error(error.field if error.field in self.fields else None, str(error))


class ChooseChannel(StoresPage):
    """Step 1: the channels of this installation, each with its capabilities."""

    title = _("Connect store")
    permission: ClassVar[Any] = ADD
    template_name = "channels/connect.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        cards = [
            {
                "spec": spec,
                "can": [words for capability, words in HIGHLIGHTS if spec.supports(capability)],
                "cannot": [
                    (words, spec.reason(capability))
                    for capability, words in HIGHLIGHTS
                    if not spec.supports(capability) and capability not in HIDDEN_WHEN_MISSING
                ],
            }
            for spec in specs().values()
            if spec.credential_fields
        ]
        return self.render(cards=cards)


class ConnectChannel(StoresPage):
    """Step 2: the keys. The channel verifies them; then the store is connected and its first sync starts.

    An offline store has nothing to sync: the next step is its warehouses.
    """

    permission: ClassVar[Any] = ADD
    write_permission: ClassVar[Any] = ADD
    template_name = "channels/connect_keys.html"
    spec: ChannelSpec

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        try:
            self.spec = specs()[kwargs["channel"]]
        except KeyError:
            raise Http404(gettext("This channel does not exist.")) from None
        self.title = self.spec.label

    def crumbs(self) -> Any:
        crumbs: tuple[Crumb, ...] = (*super().crumbs(), (_("Connect store"), reverse("admin:connect")))
        return crumbs

    def get(self, request: HttpRequest, channel: str) -> HttpResponse:
        initial = {"name": request.GET.get("name", "")[:120]}
        return self.show(KeysForm(self.spec, initial=initial))

    def show(self, form: KeysForm) -> HttpResponse:
        page = self.render(
            form=dress(form), spec=self.spec, app_words=self.spec.app_words(None), off=sign_in_off(self.spec)
        )
        return allow_sign_in(self.request, page, self.spec)

    def post(self, request: HttpRequest, channel: str) -> HttpResponse:
        form = KeysForm(self.spec, request.POST)
        if form.is_valid() and self.spec.sign_in:
            return sign_in(self.spec, name=form.cleaned_data["name"])
        if form.is_valid():
            try:
                store = connect.connect(
                    channel=channel,
                    name=form.cleaned_data["name"],
                    credentials=form.credentials,
                    author=person(request.user),
                )
            except connect.StoreError as error:
                form.show_error(error)
            else:
                if not self.spec.has_wire:
                    messages.success(request, gettext("Store “%s” created. Choose its warehouses.") % store)
                    return go("store_warehouses", store.pk, query="?new")
                messages.success(request, verified(store))
                return go("store_first_sync", store.pk)
        return self.show(form)


class Reconnect(StorePage):
    """Replace the keys of a store that its channel refuses; the new ones must belong to the same account."""

    title = _("Reconnect")
    permission: ClassVar[Any] = CHANGE
    template_name = "channels/connect_keys.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.show(KeysForm(self.store.spec, stored=self.store.credentials, initial=self.shown()))

    def show(self, form: KeysForm) -> HttpResponse:
        spec = self.store.spec
        page = self.render(form=dress(form), app_words=spec.app_words(self.store), off=sign_in_off(spec))
        return allow_sign_in(self.request, page, self.store.spec)

    def shown(self) -> dict[str, str]:
        """Return the stored values that are not secret."""
        stored = self.store.credentials
        return {f.name: stored.get(f.name, "") for f in self.store.spec.credential_fields if not f.is_secret}

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        if self.store.spec.sign_in:
            return sign_in(self.store.spec, store=str(pk))
        form = KeysForm(self.store.spec, request.POST, stored=self.store.credentials)
        if form.is_valid():
            try:
                store = connect.reconnect(
                    connection=self.store, credentials=form.credentials, author=person(request.user)
                )
            except connect.StoreError as error:
                form.show_error(error)
            else:
                messages.success(request, verified(store))
                return go("store", pk)
        return self.show(form)


def reconnect_words(store: Connection) -> Any:
    """Return the label of the link to `Reconnect`: it depends on what the channel needs."""
    spec = store.spec
    if not spec.has_wire:
        return _("Currency and time zone")
    if spec.sign_in:
        return _("Sign in to %s again") % spec.label
    return _("Reconnect with the app") if spec.app_words(store) else _("Change keys")


def sign_in(spec: ChannelSpec, **query: str) -> HttpResponse:
    """Return a redirect to the channel's page that starts its sign-in."""
    return HttpResponseRedirect(f"{reverse(f'channels:{spec.key}:{spec.sign_in}')}?{urlencode(query)}")


def sign_in_off(spec: ChannelSpec) -> str:
    """Return why nobody can sign in to this channel from this installation; "" where one can, or where it takes keys."""
    return spec.sign_in_off() if spec.sign_in else ""


def allow_sign_in(request: HttpRequest, page: HttpResponse, spec: ChannelSpec) -> HttpResponse:
    """Return the page with the channel's sign-in in its `form-action`: browsers also apply it to redirects."""
    parts = urlsplit(settings.OMS_APPS.get(spec.key, {}).get("sign_in_url", "")) if spec.sign_in else None
    if parts is None or not parts.netloc:
        return page
    allow = csp_update({"form-action": [f"{parts.scheme}://{parts.netloc}"]})
    return cast("HttpResponse", allow(lambda _request: page)(request))


def verified(store: Any) -> str:
    """Return "Verified: UK Shop, GBP, 1,240 products, 312 orders.", from the account that the channel returned."""
    account = store.account
    parts = [account.get("name") or store.name, store.currency]
    if (count := account.get("product_count")) is not None:
        parts.append(gettext("%s products") % grouped(count))
    if (count := account.get("order_count")) is not None:
        parts.append(gettext("%s orders") % grouped(count))
    return gettext("Verified: %s.") % ", ".join(part for part in parts if part)
