"""Settings » API keys: a key is shown once, and nobody gives a key more than they may do themselves."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from oms.kit.api.models import ApiKey
from oms.kit.models import AuditEntry
from tests import factories

pytestmark = pytest.mark.django_db

PAGE = "/admin/settings/api-keys/"


def signed_in(role: str = "Owner", name: str = "anna") -> Client:
    person = factories.user(name)
    person.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(person)
    return client


@pytest.mark.req("R-USE-01")
def test_a_key_is_created_shown_once_used_and_revoked():
    factories.stocked("MUG", leeds=4)
    owner = signed_in()
    day = timezone.localdate() + timedelta(days=30)
    form = {
        "name": "ERP",
        "scopes": ["stock:read"],
        "expires_on": day.isoformat(),
        "token": "form-1",
    }
    page = owner.post(PAGE, form)
    shown = re.search(r"<code>(mnf_[0-9a-f]{48})</code>", page.content.decode())
    assert shown is not None
    assert "no-store" in page["Cache-Control"]
    assert shown[1] not in owner.get(PAGE).content.decode()
    again = owner.post(PAGE, form)
    assert (again.status_code, ApiKey.objects.count()) == (302, 1)
    key = ApiKey.objects.get()
    assert timezone.localtime(key.expires_at).date() == day

    bearer = {"Authorization": f"Bearer {shown[1]}"}
    assert Client().get("/api/v1/stock", headers=bearer).status_code == 200
    address = reverse("admin:api_key_revoke", args=[key.pk])
    assert "Revoke the API key “ERP”?" in owner.get(address).content.decode()
    assert Client().get("/api/v1/stock", headers=bearer).status_code == 200
    owner.post(address)
    assert Client().get("/api/v1/stock", headers=bearer).status_code == 401
    entries = AuditEntry.objects.order_by("pk").values_list("action", "author_name")
    assert list(entries) == [("api_key.created", "anna"), ("api_key.revoked", "anna")]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": ""}, "required"),
        ({"scopes": []}, "required"),
        ({"scopes": ["everything"]}, "Select a valid choice"),
        ({"expires_on": "2020-01-01"}, "in the past"),
        ({"scopes": ["wms:read"]}, "needs its warehouse"),
    ],
)
def test_a_faulty_form_creates_nothing(change, words):
    form = {"name": "ERP", "scopes": ["stock:read"], **change}
    page = signed_in().post(PAGE, form).content.decode()
    assert words in page
    assert ApiKey.objects.count() == 0


@pytest.mark.parametrize("role", ["Order desk", "Warehouse", "Catalogue manager", "Read-only"])
def test_other_roles_do_not_see_keys(role):
    client = signed_in(role)
    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, {"name": "x", "scopes": ["stock:read"]}).status_code == 403
    assert ApiKey.objects.count() == 0


def test_a_person_gives_only_scopes_whose_permissions_they_have():
    from oms.accounts.rights import permissions_of
    from oms.accounts.roles import permission_ids

    role = Group.objects.create(name="Keys")
    role.permissions.set(permission_ids(permissions_of(["manage_api_keys", "see_stock"])))
    client = signed_in("Keys", "ben")
    page = client.get(PAGE).content.decode()
    assert 'value="stock:read"' in page
    assert 'value="stock:write"' not in page
    client.post(PAGE, {"name": "x", "scopes": ["stock:write"]})
    assert ApiKey.objects.count() == 0
