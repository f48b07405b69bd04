"""Signing in, in the browser."""

from __future__ import annotations

import re

import pytest
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice
from playwright.sync_api import Page, expect

from tests.e2e.conftest import shot

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def test_a_password_opens_the_house(signed_in: Page):
    assert signed_in.url.endswith("/admin/")


def test_a_wrong_password_is_one_sentence(page: Page):
    page.goto("/admin/login/")
    page.fill('input[name="username"]', "owner")
    page.fill('input[name="password"]', "wrong")
    page.click('#login-form button[type="submit"]')
    expect(page.get_by_text("The username or password is wrong. Check capital letters.")).to_be_visible()


def test_the_code_is_asked_below_the_password(page: Page, django_user_model):
    owner = django_user_model.objects.create_superuser("owner", password="correct horse battery")
    device = TOTPDevice.objects.create(user=owner, name="phone")
    page.goto("/admin/login/?next=/admin/")
    shot(page, "sign-in-with-code")
    page.fill('input[name="username"]', "owner")
    page.fill('input[name="password"]', "correct horse battery")
    page.get_by_label("Code from your authenticator app").fill(str(totp(device.bin_key)).zfill(6))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/admin/$"))
