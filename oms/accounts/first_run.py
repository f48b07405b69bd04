"""The first-run page: without any account the site shows it instead of the sign-in page. It makes the owner and the first warehouse.

Whoever opens it must know a token that only the web server's log and a file in the data folder have, so nobody else on the internet
becomes the owner.
"""

from __future__ import annotations

import hmac
import logging
import os
import secrets
from pathlib import Path
from smtplib import SMTPException
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user_model, login
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views import View

from inventory.models import Warehouse
from oms.kit.admin.base import dress
from oms.kit.authors import actors, audit

log = logging.getLogger(__name__)
BACKEND = "oms.accounts.sign_in.PermissionBackend"


def is_needed() -> bool:
    """Whether nobody has an account yet."""
    return not get_user_model()._default_manager.exists()


def token_file() -> Path:
    """Return the file with the token."""
    return Path(settings.VAR_DIR) / "setup-token"


def token() -> str:
    """Return the token of this installation, made once; several web processes agree on one."""
    file = token_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as made:
            made.write(secrets.token_urlsafe(18))
        # On purpose in the log: it opens nothing once there is an account.
        log.warning(
            "Set-up token: %s (also in %s). Enter it on %s/setup/",
            file.read_text(),
            file,
            settings.OMS_PUBLIC_URL,
        )
    except FileExistsError:
        pass
    return file.read_text(encoding="utf-8").strip()


class SetupForm(forms.Form):
    """The owner's account, the first warehouse, and whether a test mail is sent."""

    token = forms.CharField(
        label=_("Set-up token"),
        max_length=60,
        help_text=_("It is in the log of the web server, and in the file setup-token of the data folder."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    username = forms.CharField(
        label=_("User name"), max_length=150, widget=forms.TextInput(attrs={"autocomplete": "username"})
    )
    email = forms.EmailField(label=_("E-mail"), help_text=_("For alerts and for “Forgot password”."))
    password = forms.CharField(
        label=_("Password"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )
    again = forms.CharField(
        label=_("Password again"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    warehouse = forms.CharField(
        label=_("Name of the first warehouse"), max_length=120, initial=_("Main warehouse")
    )
    test_mail = forms.BooleanField(label=_("Send a test mail to this address"), required=False, initial=True)

    def clean_token(self) -> str:
        given = str(self.cleaned_data["token"]).strip()
        if not hmac.compare_digest(given.encode(), token().encode()):
            raise ValidationError(_("This is not the set-up token."))
        return given

    def clean_username(self) -> str:
        name = str(self.cleaned_data["username"])
        get_user_model()._meta.get_field("username").run_validators(name)
        return name

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        password = values.get("password")
        if password:
            who = get_user_model()(username=values.get("username", ""), email=values.get("email", ""))
            try:
                validate_password(password, who)
            except ValidationError as error:
                self.add_error("password", error)
            if password != values.get("again"):
                self.add_error("again", _("The two passwords differ."))
        return values


class Setup(View):
    """The page. It does not exist once somebody has an account."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not is_needed():
            raise Http404
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        token()
        return self.show(SetupForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = SetupForm(request.POST)
        if not form.is_valid():
            return self.show(form)
        user = create_owner(form.cleaned_data)
        login(request, user, backend=BACKEND)
        if form.cleaned_data["test_mail"]:
            _send_test_mail(request, form.cleaned_data["email"])
        messages.success(
            request, gettext("The account was created. Connect your first store under Integrations.")
        )
        return HttpResponseRedirect(reverse("admin:index"))

    def show(self, form: SetupForm) -> HttpResponse:
        context = {"title": _("Set up Manifold"), "form": dress(form), "time_zone": settings.TIME_ZONE}
        return render(self.request, "oms/setup.html", context)


def create_owner(values: dict[str, Any]) -> Any:
    """Create the first account, with full access, and the first warehouse. Raises `Http404` when another person was faster."""
    users = get_user_model()._default_manager
    with transaction.atomic():
        # Two people who send the form at once: the name of the warehouse is unique, so the second one waits for the first.
        Warehouse.objects.get_or_create(code="MAIN", defaults={"name": values["warehouse"]})
        Warehouse.objects.select_for_update().get(code="MAIN")
        if users.exists():
            raise Http404
        user = get_user_model().objects.create_superuser(
            values["username"], values["email"], values["password"]
        )
        audit.record("user.first_owner", user, by=actors.person(user))
    token_file().unlink(missing_ok=True)
    return user


def _send_test_mail(request: HttpRequest, address: str) -> None:
    try:
        send_mail(
            gettext("Manifold OMS can send mail"),
            gettext("This is the test mail of the set-up page of %s.") % settings.OMS_PUBLIC_URL,
            None,
            [address],
        )
    except (OSError, SMTPException) as error:
        words = gettext(
            "The test mail could not be sent: %s. Correct EMAIL_URL in the settings file and restart the services."
        )
        messages.warning(request, words % str(error).rstrip("."))
    else:
        messages.info(request, gettext("A test mail was sent to %s.") % address)


urlpatterns = [path("", Setup.as_view(), name="first_run")]
