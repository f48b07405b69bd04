"""The second factor: an authenticator app and recovery codes, and who must have one."""

from __future__ import annotations

import io
import secrets
from typing import Any

from django.db import transaction
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from qrcode.image.svg import SvgPathImage
from qrcode.main import make

from oms.kit.authors import audit
from oms.kit.models import SecurityPolicy
from oms.kit.numbers import is_whole_number

CODES = 10  # recovery codes of a person; each works once
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without letters that look alike


class WrongCode(Exception):
    """The code is not the one that the app shows now."""


def has_one(user: Any) -> bool:
    """Whether this person has set up an authenticator app."""
    return TOTPDevice.objects.filter(user=user, confirmed=True).exists()


def is_missing(user: Any) -> bool:
    """Whether this person must have a second factor and has none."""
    if not user.is_authenticated or getattr(user, "otp_device", None) is not None:
        return False
    scope = SecurityPolicy.current().second_factor
    if scope == SecurityPolicy.SecondFactor.NOBODY:
        return False
    if scope == SecurityPolicy.SecondFactor.OWNERS and not user.has_perm("auth.change_group"):
        return False
    return not has_one(user)


def begin(user: Any) -> TOTPDevice:
    """Return the device that the person is setting up; it asks for nothing until `confirm`."""
    devices = TOTPDevice.objects.filter(user=user, confirmed=False)
    found: TOTPDevice = devices.order_by("pk").last() or TOTPDevice.objects.create(
        user=user, name="app", confirmed=False
    )
    return found


def qr_svg(device: TOTPDevice) -> str:
    """Return the QR code of a device as an SVG image."""
    made = make(device.config_url, image_factory=SvgPathImage, box_size=8, border=2)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue().decode()


def secret_text(device: TOTPDevice) -> str:
    """Return the secret in groups of four letters, for an app that cannot scan."""
    secret = device.config_url.partition("secret=")[2].partition("&")[0]
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))


@transaction.atomic
def confirm(user: Any, code: str) -> list[str]:
    """Switch the second factor on with a code of the app; return the recovery codes, which are shown once.

    Raises `WrongCode` for another code.
    """
    device = begin(user)
    code = code.replace(" ", "")
    made = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift)
    if not is_whole_number(code) or not made.verify(int(code), tolerance=1):
        raise WrongCode
    TOTPDevice.objects.filter(user=user).exclude(pk=device.pk).delete()
    device.confirmed, device.last_t = True, made.t()
    device.save()
    audit.record("user.second_factor_on", user)
    return new_codes(user)


@transaction.atomic
def new_codes(user: Any) -> list[str]:
    """Replace the recovery codes of a person; return the new ones."""
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="recovery")
    codes = ["".join(secrets.choice(ALPHABET) for _letter in range(10)) for _code in range(CODES)]
    for code in codes:
        device.token_set.create(token=code)
    audit.record("user.recovery_codes", user)
    return codes


def codes_left(user: Any) -> int:
    """Return how many recovery codes a person has."""
    return sum(device.token_set.count() for device in StaticDevice.objects.filter(user=user))


@transaction.atomic
def switch_off(user: Any) -> None:
    """Remove the second factor of a person with its recovery codes; the service of the page and of an owner."""
    TOTPDevice.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()
    audit.record("user.second_factor_off", user)
