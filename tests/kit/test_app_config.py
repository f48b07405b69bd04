"""Django finds the configuration of each of our apps, so that each registers with the others."""

from __future__ import annotations

import pytest
from django.apps import apps

from oms.kit.app_config import RegisteringAppConfig


@pytest.mark.parametrize("name", ["channels", "catalogue", "inventory", "orders"])
def test_each_app_is_configured_by_its_own_class(name):
    config = apps.get_app_config(name)

    assert isinstance(config, RegisteringAppConfig)
    assert type(config).__module__ == f"{name}.apps"
