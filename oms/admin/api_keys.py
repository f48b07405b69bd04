"""API keys: create one, which is shown once, and revoke one."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from inventory.models import Warehouse
from oms.accounts import delegation
from oms.kit.admin.base import dress
from oms.kit.admin.pages import Page, add, form_token, is_repeated
from oms.kit.api import keys
from oms.kit.api.models import ApiKey
from oms.kit.authors.actors import person


class KeyForm(forms.Form):
    """A new key. A person can choose the scopes whose permissions they have."""

    name = forms.CharField(
        label=_("Name"), max_length=50, help_text=_("The program that uses it. Its changes have this name.")
    )
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"), widget=forms.CheckboxSelectMultiple(attrs={"class": "oms-rights"})
    )
    warehouse = forms.ModelChoiceField(
        label=_("Warehouse"),
        queryset=Warehouse.objects.order_by("name"),
        required=False,
        empty_label=_("all warehouses"),
        help_text=_(
            "A warehouse system needs a key for each warehouse. Such a key has scopes of stock only."
        ),
    )
    expires_on = forms.DateField(
        label=_("Last day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("Empty: it does not end."),
    )

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = [
            (scope, label)
            for scope, (label, permissions) in keys.SCOPES.items()
            if delegation.may_give(user, permissions)
        ]
        self.fields["scopes"].choices = offered  # type: ignore[attr-defined]

    @property
    def expires_at(self) -> datetime | None:
        """The end of the last day."""
        day = self.cleaned_data["expires_on"]
        return timezone.make_aware(datetime.combine(day, time.max)) if day else None


class ApiKeys(Page):
    """The keys, and the form for a new one."""

    title = _("API keys")
    permission = "api.view_apikey"
    write_permission = "api.add_apikey"
    template_name = "oms/api_keys.html"

    def crumbs(self) -> Any:
        return ((_("Settings"), ""),)

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show()

    def show(self, form: Any = None, token: str = "", created: ApiKey | None = None) -> HttpResponse:
        """Answer with the page; `token` is a key that was just created."""
        rows = list(ApiKey.objects.select_related("created_by").order_by("-pk")[:500])
        names = dict(
            Warehouse.objects.filter(pk__in={row.warehouse_id for row in rows}).values_list("pk", "name")
        )
        answer = self.render(
            rows=[
                {
                    "key": row,
                    "warehouse": names.get(row.warehouse_id or 0, ""),
                    "scopes": ", ".join(row.scopes),
                }
                for row in rows
            ],
            form=dress(form or KeyForm(self.request.user)),
            form_token=form_token(),
            token=token,
            created=created,
            may_revoke=self.request.user.has_perm("api.change_apikey"),
            api_url=f"{settings.OMS_PUBLIC_URL}/api/v1",
        )
        answer["Cache-Control"] = "no-store"
        return answer

    def post(self, request: HttpRequest) -> HttpResponse:
        form = KeyForm(request.user, request.POST)
        if not form.is_valid():
            return self.show(form)
        given = form.cleaned_data
        try:
            with transaction.atomic():
                if is_repeated(request):
                    messages.warning(request, gettext("This key was created already."))
                    return HttpResponseRedirect(reverse("admin:api_keys"))
                key, token = keys.create(
                    name=given["name"],
                    scopes=given["scopes"],
                    expires_at=form.expires_at,
                    warehouse_id=given["warehouse"].pk if given["warehouse"] else None,
                    by=person(request.user),
                )
        except keys.KeyRefused as error:
            form.add_error(None, str(error))
            return self.show(form)
        return self.show(token=token, created=key)


class RevokeKey(Page):
    """Revoke a key, after a confirmation."""

    title = _("Revoke API key")
    permission: ClassVar[Any] = "api.change_apikey"

    def key(self, pk: int) -> ApiKey:
        found = ApiKey.objects.filter(pk=pk).first()
        if found is None:
            raise Http404(gettext("This key does not exist."))
        return found

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        key = self.key(pk)
        return self.confirm(
            question=gettext("Revoke the API key “%s”?") % key,
            lines=[gettext("Calls with it are refused at once. It cannot be used again.")],
            button=gettext("Revoke API key"),
            back=reverse("admin:api_keys"),
            is_dangerous=True,
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        key = self.key(pk)
        keys.revoke(key=key, by=person(request.user))
        messages.success(request, gettext("API key “%s” revoked.") % key)
        return HttpResponseRedirect(reverse("admin:api_keys"))


add(
    ("settings/api-keys/", ApiKeys, "api_keys"),
    ("settings/api-keys/<key:pk>/revoke/", RevokeKey, "api_key_revoke"),
)
