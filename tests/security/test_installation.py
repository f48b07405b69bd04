"""The installation: units of systemd, checks before production, a lost key, sessions, forged webhooks, links (F-38)."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.checks import run_checks
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from channels.models import Connection
from channels.stores import webhooks
from oms import tasks
from oms.kit.authors.actors import SYSTEM
from oms.kit.models import UserSession
from oms.kit.numbers import is_web_address
from oms.kit.templatetags.oms import web
from orders.errors import OrderError
from orders.models import Carrier, Shipment
from orders.services.carriers import save_carrier
from tests import factories
from tests.test_architecture import ROOT

pytestmark = pytest.mark.fault("F-38")

UNITS = sorted((ROOT / "contrib" / "systemd").glob("*.service"))
BAD_LINKS = [
    "javascript:alert(1)",
    "JavaScript://x/%0aalert(1)",
    "data:text/html,x",
    "//evil.example",
    "ftp://x.example",
    "http://",
    "https:///x",
    "http://x\ny",
    "",
    "x",
]


def lines_of(unit: Path) -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE))


def test_nothing_runs_the_checkout_as_root() -> None:
    assert len(UNITS) == 3
    for unit in UNITS:
        lines = lines_of(unit)
        if lines.get("User") == "manifold":
            continue
        commands = re.findall(
            r"(\S*)\s?/srv/manifold/\.venv/bin/python", lines["ExecStart"].replace("$(", " ")
        )
        assert commands == ["--"], unit.name
        assert "runuser -u manifold -- /srv/manifold/.venv/bin/python" in lines["ExecStart"]
        assert 'case "$lane" in orders|stock|default)' in lines["ExecStart"], (
            "a name from the checkout is not trusted"
        )


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_units_are_hardened(unit: Path) -> None:
    lines = lines_of(unit)
    for name in (
        "ProtectHome",
        "PrivateTmp",
        "PrivateDevices",
        "ProtectKernelModules",
        "RestrictSUIDSGID",
        "LockPersonality",
    ):
        assert lines[name] == "yes", name
    assert lines["ProtectSystem"] == "strict"
    assert lines["ReadWritePaths"] == "/srv/manifold/var"
    if lines.get("User"):
        assert (lines["NoNewPrivileges"], lines["CapabilityBoundingSet"]) == ("yes", "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not on this machine")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_itself_finds_the_units_sound(unit: Path, tmp_path: Path) -> None:
    copy = tmp_path / unit.name.replace("@", "@orders")
    copy.write_text(unit.read_text(encoding="utf-8"), encoding="utf-8")
    told = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(copy)],
        capture_output=True,
        text=True,
        check=False,
    )
    score = re.search(r"exposure level for \S+: ([\d.]+)", told.stdout)
    if score is None:
        pytest.skip(f"this systemd cannot analyse a file: {told.stderr[:200]}")
    assert float(score.group(1)) < (3.0 if "User=" in unit.read_text() else 7.0), told.stdout[-300:]


def test_check_deploy_warns_of_what_must_not_reach_production(settings) -> None:
    def ids() -> set[str]:
        return {
            found.id
            for found in run_checks(include_deployment_checks=True)
            if found.id and found.id.startswith("oms.W")
        }

    settings.OMS_DEMO, settings.OMS_ALLOWED_PRIVATE_HOSTS = False, []
    assert ids() == set()
    settings.OMS_DEMO, settings.OMS_ALLOWED_PRIVATE_HOSTS = True, ["10.0.0.0/8"]
    assert ids() == {"oms.W001", "oms.W002"}
    assert not {found.id for found in run_checks() if found.id and found.id.startswith("oms.W")}, (
        "not on a developer's machine"
    )


@pytest.mark.django_db
def test_a_lost_key_gives_a_page_with_a_sentence(client: Client, django_user_model, settings) -> None:
    store = factories.store("Shop")
    client.force_login(django_user_model.objects.create_superuser("boss"))
    settings.OMS_CREDENTIAL_KEYS = [Fernet.generate_key().decode()]

    for url in (
        f"/admin/integrations/ecommerce-sales-channels/{store.pk}/",
        "/admin/integrations/ecommerce-sales-channels/",
    ):
        answer = client.get(url)
        if answer.status_code == 200:  # a list does not read the keys
            continue
        assert answer.status_code == 503
        text = answer.content.decode()
        assert "The stores&#x27; keys cannot be read" in text or "The stores' keys cannot be read" in text
        assert "OMS_CREDENTIAL_KEYS" in text
    assert client.get(f"/admin/integrations/ecommerce-sales-channels/{store.pk}/").status_code == 503
    settings.OMS_CREDENTIAL_KEYS = []
    assert client.get(f"/admin/integrations/ecommerce-sales-channels/{store.pk}/").status_code == 503


@pytest.mark.django_db
def test_a_key_that_is_lost_for_good_does_not_lock_the_store(
    client: Client, django_user_model, settings
) -> None:
    store = factories.store("Shop")
    client.force_login(django_user_model.objects.create_superuser("boss"))
    settings.OMS_CREDENTIAL_KEYS = [Fernet.generate_key().decode()]

    with pytest.raises(CommandError, match="credentials of: Shop"):
        call_command("rotate_credentials")
    call_command("rotate_credentials", "--forget-unreadable")

    found = Connection.objects.get(pk=store.pk)
    assert (found.state, dict(found.credentials)) == ("needs_seller", {})
    answer = client.get(f"/admin/integrations/ecommerce-sales-channels/{store.pk}/")
    assert "The key of its credentials was lost" in answer.content.decode()


@pytest.mark.django_db
def test_ended_sessions_are_deleted_by_the_daily_task(client: Client) -> None:
    client.force_login(factories.user("anna"))
    old = UserSession.objects.create(session_key="old", expire_date=timezone.now() - timedelta(days=1))

    tasks.daily()

    assert not UserSession.objects.filter(session_key=old.session_key).exists()
    assert UserSession.objects.filter(user__username="anna").exists()


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["opencart", "etsy"])
def test_forged_webhooks_of_an_address_are_limited_and_others_pass(
    client: Client, settings, kind: str
) -> None:
    store = factories.store("Shop", channel=kind, fingerprint="1", webhook_secret={"secret": "s"})
    settings.OMS_APPS = {
        **settings.OMS_APPS,
        "etsy": {**settings.OMS_APPS["etsy"], "webhook_secret": "whsec_AAAA"},
    }
    url = "/apps/etsy/webhook/" if kind == "etsy" else f"/hooks/opencart/{store.pk}/"

    def call(address: str) -> int:
        return client.post(
            url, b'{"shop_id": 1}', content_type="application/json", REMOTE_ADDR=address
        ).status_code

    statuses = [call("203.0.113.5") for _ in range(webhooks.MOST_FORGED + 3)]

    assert statuses == [401] * webhooks.MOST_FORGED + [429] * 3
    assert call("203.0.113.6") == 401, "another address is still heard"
    assert Connection.objects.get().state == "active"


@pytest.mark.parametrize("link", BAD_LINKS)
def test_only_web_addresses_become_links(link: str) -> None:
    assert not is_web_address(link)
    assert web(link) == ""
    shipment = Shipment(carrier=Carrier(name="X", tracking_url=link), tracking_number="1")
    assert shipment.tracking_link == ""


def test_a_tracking_number_stays_inside_its_link() -> None:
    carrier = Carrier(name="X", tracking_url="https://t.example/?n={number}")
    assert (
        Shipment(carrier=carrier, tracking_number='A1&x="<').tracking_link
        == "https://t.example/?n=A1%26x%3D%22%3C"
    )


@pytest.mark.django_db
@pytest.mark.parametrize("link", [bad for bad in BAD_LINKS if bad])
def test_a_carrier_is_not_saved_with_another_link(client: Client, django_user_model, link: str) -> None:
    with pytest.raises(OrderError):
        save_carrier(name="DPD", tracking_url=link, by=SYSTEM)
    with pytest.raises(ValidationError):
        Carrier(name="DPD", tracking_url=link).full_clean()
    client.force_login(django_user_model.objects.create_superuser("boss"))
    client.post("/admin/orders/carrier/add/", {"name": "DPD", "tracking_url": link, "is_active": "on"})
    assert not Carrier.objects.exists()


def test_links_of_channels_on_pages_go_through_the_filter() -> None:
    guilty = [
        (path.name, found)
        for path in (ROOT / "templates").rglob("*.html")
        for found in re.findall(
            r'href="\{\{ ((?:order|listing|store)\.url) \}\}"', path.read_text(encoding="utf-8")
        )
    ]
    assert guilty == []
