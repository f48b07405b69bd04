"""Signing in: throttled for who guesses, and with a second factor for who has one."""

from __future__ import annotations

import pytest
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

PASSWORD = "correct horse battery"
FIELD = 'name="otp_token"'


@pytest.fixture
def owner(db, django_user_model):
    return django_user_model.objects.create_superuser("owner", password=PASSWORD)


def sign_in(client: Client, password: str = PASSWORD, **more: str):
    return client.post("/admin/login/?next=/admin/", {"username": "owner", "password": password, **more})


def signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_a_user_without_device_signs_in_with_the_password(client, owner):
    assert FIELD not in client.get("/admin/login/").content.decode()
    assert sign_in(client).status_code == 302
    assert signed_in(client)


def test_a_user_with_a_device_needs_its_code(client, owner):
    device = TOTPDevice.objects.create(user=owner, name="phone")
    assert FIELD in client.get("/admin/login/").content.decode()
    answer = sign_in(client)
    assert "Enter your password and the code" in answer.content.decode()
    assert not signed_in(client)
    code = str(totp(device.bin_key)).zfill(6)
    assert sign_in(client, otp_token=code).status_code == 302
    assert signed_in(client)
    assert client.session["otp_device_id"] == device.persistent_id


def test_a_code_works_once(client, owner):
    device = TOTPDevice.objects.create(user=owner, name="phone")
    code = str(totp(device.bin_key)).zfill(6)
    assert sign_in(client, otp_token=code).status_code == 302
    client.logout()
    assert "is not valid" in sign_in(client, otp_token=code).content.decode()
    assert not signed_in(client)


def test_a_right_code_does_not_replace_the_password(client, owner):
    device = TOTPDevice.objects.create(user=owner, name="phone")
    code = str(totp(device.bin_key)).zfill(6)
    assert sign_in(client, "wrong", otp_token=code).status_code == 200
    assert not signed_in(client)


def test_an_unconfirmed_device_needs_no_code(client, owner):
    TOTPDevice.objects.create(user=owner, name="phone", confirmed=False)
    assert sign_in(client).status_code == 302
    assert signed_in(client)


def test_a_backup_code_works(client, owner):
    TOTPDevice.objects.create(user=owner, name="phone")
    StaticDevice.objects.create(user=owner, name="paper").token_set.create(token="abcd1234")
    assert sign_in(client, otp_token="abcd1234").status_code == 302
    assert signed_in(client)


def test_a_code_of_another_kind_of_device_is_refused(client, owner):
    TOTPDevice.objects.create(user=owner, name="phone")
    assert "is not valid" in sign_in(client, otp_token="abcd1234").content.decode()
    assert not signed_in(client)


def test_failed_attempts_lock_one_user_from_one_address(client, owner, settings):
    settings.AXES_ENABLED = True
    for _ in range(settings.AXES_FAILURE_LIMIT):
        sign_in(client, "wrong")
    refused = sign_in(client)
    assert refused.status_code == 429
    assert not signed_in(client)
    elsewhere = client.post(
        "/admin/login/?next=/admin/", {"username": "owner", "password": PASSWORD}, REMOTE_ADDR="192.0.2.7"
    )
    assert elsewhere.status_code == 302, "a colleague elsewhere is not locked out"
