"""Channels with pages of their own (install, sign-in callback) are mounted under /apps/<channel>/."""

from __future__ import annotations

from dataclasses import replace

from channels.connectors.opencart.channel import SPEC
from channels.contract.spec import AppPages
from channels.urls import app_patterns


def test_a_channel_without_pages_is_not_mounted():
    assert app_patterns([SPEC]) == []


def test_pages_of_a_channel_are_under_its_key():
    [mounted] = app_patterns([replace(SPEC, key="other", app=AppPages(urls="channels.urls"))])

    assert str(mounted.pattern) == "apps/other/"
    assert mounted.namespace == "other"
