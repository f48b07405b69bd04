"""Rules for all tests: no network, an empty cache, the default language; PostgreSQL for tests marked `db`."""

from __future__ import annotations

import os
from collections.abc import Iterator

import hypothesis
import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.utils import translation

from tests.support import fast_limits, network

pytest_plugins = ["tests.support.requirements", "tests.support.shops"]

# The same examples in every run. `HYPOTHESIS_PROFILE=explore` tries others.
hypothesis.settings.register_profile("fixed", deadline=None, derandomize=True, database=None)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=1000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


def pytest_configure(config: pytest.Config) -> None:
    network.close(also_allowed=django_settings.REDIS_URL)


def pytest_unconfigure(config: pytest.Config) -> None:
    network.reopen()


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("db") and "postgresql" not in django_settings.DATABASES["default"]["ENGINE"]:
        pytest.fail(
            "This test needs PostgreSQL: run it with `make test-db`, or set DATABASE_URL.", pytrace=False
        )


@pytest.fixture(autouse=True)
def _fast_limits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let limits of several requests a second allow a hundred times as many, except in tests of this pace (`real_pace`)."""
    if not request.node.get_closest_marker("real_pace"):
        fast_limits.install(monkeypatch)


@pytest.fixture(autouse=True)
def _clean_state() -> Iterator[None]:
    """Begin each test with an empty cache and the default language; fail a test that tried to reach another machine."""
    cache.clear()
    translation.activate(django_settings.LANGUAGE_CODE)
    network.attempts.clear()
    yield
    translation.deactivate()
    tried, network.attempts[:] = list(network.attempts), []
    assert not tried, f"This test tried to reach {', '.join(tried)}: serve it from a sandbox or `responses`."
