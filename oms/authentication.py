"""Who is at the door: the second factor of those who have one, and the address that throttling counts by."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_otp import user_has_device
from django_otp.forms import OTPAuthenticationFormMixin
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from oms.kit.admin.base import AuthenticationForm


def client_ip(request: HttpRequest) -> str:
    """The visitor's address, for throttling.

    Behind our own proxy (`OMS_HTTPS`) that is the last entry of X-Forwarded-For, the only one the proxy wrote itself;
    without a proxy the header is whatever the visitor likes, so it is not looked at.
    """
    forwarded: str = request.META.get("HTTP_X_FORWARDED_FOR", "") if settings.OMS_HTTPS else ""
    return forwarded.rsplit(",", 1)[-1].strip() or str(request.META.get("REMOTE_ADDR", ""))


class SignInForm(OTPAuthenticationFormMixin, AuthenticationForm):
    """Name and password, and the code of a person's own device where one is set up.

    There is no other way in, so a session of somebody with a device has always seen its code. Nobody else is asked;
    the field is not even shown where no device is set up in the whole house.
    """

    otp_token = forms.CharField(
        label=_("Code from your authenticator app (only if you have set one up)"),
        required=False,
        max_length=32,
        widget=forms.TextInput(
            # The theme's form ends with its button; the field follows it, and still belongs to it.
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "form": "login-form"}
        ),
    )

    otp_error_messages = {
        **OTPAuthenticationFormMixin.otp_error_messages,
        "token_required": _("Enter your password and the code that your authenticator app shows."),
        "device_required": _("This code is not valid: enter the one that your authenticator app shows."),
        "invalid_token": _(
            "This code is not valid (any more): enter the one that your authenticator app shows now."
        ),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["otp_token"].widget.attrs["class"] = self.fields["username"].widget.attrs.get("class", "")

    @property
    def asks_for_code(self) -> bool:
        return TOTPDevice.objects.filter(confirmed=True).exists()

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean()
        user: AbstractBaseUser | None = self.get_user()
        if user is not None and user_has_device(user):
            self.clean_otp(user)  # type: ignore[no-untyped-call]
        return cleaned

    def _chosen_device(self, user: AbstractBaseUser) -> Device | None:
        """Digits are for the app that was set up last, anything else for the paper with backup codes.

        One device only: a code that is tried on several counts as a failure on all that it does not fit.
        """
        kind = TOTPDevice if self.cleaned_data.get("otp_token", "").isdecimal() else StaticDevice
        device: Device | None = kind.objects.devices_for_user(user, confirmed=True).order_by("pk").last()
        return device

    def _update_form(self, user: AbstractBaseUser) -> None:
        """The mixin lists the person's devices here, for a choice that `_chosen_device` makes."""
