"""The settings of a store: cards with one form each, from channels and from the apps above.

An app adds a card from its admin package::

    settings.add(SettingsCard("orders", _("Orders"), form=orders_form, save=save_orders, errors=(OrderError,), position=10))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels.admin.store.page import CHANGE, StorePage, go
from channels.models import Connection
from channels.stores import connect, remote_options, services
from oms.kit.admin import panels
from oms.kit.admin.base import dress


@dataclass(frozen=True, slots=True)
class SettingsCard:
    """One card: `form(store, data)` makes its form (`data` is None unless it was posted; the prefix is `key`).

    `save(store, values)` calls a service; its `errors` are shown at their `field`, or above the form. A card with
    `is_beside` is in the right column. `title(store)` may depend on the store; with "" the card is not shown.
    """

    key: str
    title: Callable[[Connection], Any]
    form: Callable[[Connection, Any], forms.BaseForm]
    save: Callable[[Connection, Mapping[str, Any]], object]
    errors: tuple[type[Exception], ...]
    position: int
    is_beside: bool = False
    columns: int = 1
    hint: Any = ""


_cards: list[SettingsCard] = []


def add(card: SettingsCard) -> None:
    """Add a card to the settings of every store. Raises `ValueError` when another card has its key."""
    if any(other.key == card.key for other in _cards):
        raise ValueError(f"the settings of a store already have a card {card.key}")
    _cards.append(card)
    _cards.sort(key=lambda one: one.position)


class StoreForm(forms.Form):
    name = forms.CharField(label=_("Display name"), max_length=120)


class ChannelForm(forms.Form):
    """The settings that only this channel has, made from its declaration."""

    def __init__(self, store: Connection, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for setting in store.spec.settings:
            given: dict[str, Any] = {
                "label": setting.label,
                "help_text": setting.help_text,
                "required": False,
                "initial": store.option(setting.name),
            }
            if setting.kind == "bool":
                field: forms.Field = forms.BooleanField(**given)
            elif setting.kind == "choice":
                field = forms.ChoiceField(choices=list(setting.choices), **given)
            elif setting.kind == "remote" and (listed := remote_options.options_for(store, setting)):
                field = forms.ChoiceField(choices=[("", _("– none –")), *listed], **given)
            elif setting.kind == "number":
                field = forms.IntegerField(min_value=0, **given)
            else:
                field = forms.CharField(max_length=500, **given)
            self.fields[setting.name] = field


def _store_form(store: Connection, data: Any) -> forms.Form:
    return StoreForm(data, initial={"name": store.name}, prefix="store")


def _save_store(store: Connection, values: Mapping[str, Any]) -> object:
    return services.change_settings(connection=store, name=values["name"])


def _channel_form(store: Connection, data: Any) -> forms.Form:
    return ChannelForm(store, data, prefix="channel")


def _save_channel(store: Connection, values: Mapping[str, Any]) -> object:
    options = {name: value for name, value in values.items() if value is not None}
    return services.change_settings(connection=store, options=options)


add(
    SettingsCard(
        "channel",
        lambda store: store.spec.label if store.spec.settings else "",
        _channel_form,
        _save_channel,
        (connect.StoreError,),
        position=30,
        is_beside=True,
    )
)
add(
    SettingsCard(
        "store",
        lambda store: _("Name"),
        _store_form,
        _save_store,
        (connect.StoreError,),
        position=40,
        is_beside=True,
    )
)


@panels.tab(
    Connection, "settings", label=_("Settings"), permission=CHANGE, position=110, name="store_settings"
)
class Settings(StorePage):
    """Name, the channel's own settings, and what the apps above add (orders, stock)."""

    title = _("Settings")
    tab = "settings"
    permission: ClassVar[Any] = CHANGE
    template_name = "channels/store_settings.html"

    def all_forms(self, which: str = "", data: Any = None) -> dict[str, Any]:
        """Return the form of each card; the one of `which` is bound to `data`."""
        return {card.key: card.form(self.store, data if card.key == which else None) for card in _cards}

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.show(self.all_forms())

    def show(self, shown: dict[str, Any]) -> HttpResponse:
        """Answer with the cards and these forms."""
        dressed = {key: dress(form) for key, form in shown.items()}
        cards = [(card, card.title(self.store), dressed[card.key]) for card in _cards]
        return self.render(forms=dressed, cards=[one for one in cards if one[1]])

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        which = request.POST.get("which", "")
        shown = self.all_forms(which, request.POST)
        card = next((one for one in _cards if one.key == which), None)
        if card is None or not shown[which].is_valid():
            return self.show(shown)
        form = shown[which]
        try:
            card.save(self.store, form.cleaned_data)
        except card.errors as error:
            field = getattr(error, "field", "")
            form.add_error(field if field in form.fields else None, str(error))
            return self.show(shown)
        messages.success(request, gettext("Settings of %s saved.") % self.store)
        return go("store_settings", pk)
