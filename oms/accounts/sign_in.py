"""Signing in: the second factor of those who have one, the address for throttling, and what a person may do."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AbstractBaseUser, Permission
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_otp import user_has_device
from django_otp.forms import OTPAuthenticationFormMixin
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from oms.accounts import throttle
from oms.kit.admin.base import AuthenticationForm
from oms.kit.numbers import is_whole_number


class PermissionBackend(ModelBackend):
    """Django's users and passwords; the permissions of a person in one statement instead of two."""

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """Return the names ("orders.view_order") of what the person may do, read once for each user object.

        Empty for a person who is not active, and for a question about one `obj`: rights are the same for every row.
        """
        if not user_obj.is_active or user_obj.is_anonymous or obj is not None:
            return set()
        if not hasattr(user_obj, "_perm_cache"):
            rows = Permission.objects.order_by()
            if not user_obj.is_superuser:
                own = user_obj.user_permissions.order_by().values("pk")
                by_role = Permission.objects.filter(group__user=user_obj).order_by().values("pk")
                rows = rows.filter(Q(pk__in=own) | Q(pk__in=by_role))
            names = rows.values_list("content_type__app_label", "codename")
            user_obj._perm_cache = {f"{app}.{code}" for app, code in names}
        found: set[str] = user_obj._perm_cache
        return found


class SignInForm(OTPAuthenticationFormMixin, AuthenticationForm):
    """Username and password, and the code of the person's own device where one is set up.

    There is no other way to sign in, so every session of a person with a device has been checked by its code. Nobody
    else is asked; the field is shown only where some person has set up a device.
    """

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": _("The username or password is wrong. Check capital letters."),
    }

    otp_token = forms.CharField(
        label=_("Code from your authenticator app (only if you have set one up)"),
        required=False,
        max_length=32,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
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
    def mails_passwords(self) -> bool:
        """Whether Manifold can send mail: else “forgot password” would lead nowhere."""
        return not settings.EMAIL_BACKEND.endswith(("console.EmailBackend", "dummy.EmailBackend"))

    @property
    def asks_for_code(self) -> bool:
        """Whether any person has set up a device."""
        return TOTPDevice.objects.filter(confirmed=True).exists()

    def clean(self) -> dict[str, Any]:
        throttle.delay(self.cleaned_data.get("username", ""))
        cleaned: dict[str, Any] = super().clean()
        user: AbstractBaseUser | None = self.get_user()
        if user is not None and user_has_device(user):
            self.clean_otp(user)  # type: ignore[no-untyped-call]
        return cleaned

    def _chosen_device(self, user: AbstractBaseUser) -> Device | None:
        """Return the device of a code: the newest app for digits, the list of backup codes for anything else.

        One device only: a code that is tried on several devices counts as a failure on each that it does not fit.
        """
        kind = TOTPDevice if is_whole_number(self.cleaned_data.get("otp_token", "")) else StaticDevice
        device: Device | None = kind.objects.devices_for_user(user, confirmed=True).order_by("pk").last()
        return device

    def _update_form(self, user: AbstractBaseUser) -> None:
        """Do nothing: the mixin lists the person's devices here, for a choice that `_chosen_device` makes."""
