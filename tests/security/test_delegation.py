"""Nobody gives rights that they do not have (F-30)."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from oms.accounts.delegation import permissions_in, rights_to_give
from oms.accounts.rights import every_right, permissions_of
from oms.accounts.roles import permission_ids
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.fault("F-30")]


@pytest.fixture
def clerk(client: Client) -> User:
    """A person who sees orders, and manages users and roles; signed in."""
    role = Group.objects.create(name="Office")
    role.permissions.set(permission_ids(permissions_of(["see_orders", "manage_users", "manage_roles"])))
    person: User = factories.user("clerk")
    person.groups.add(role)
    client.force_login(person)
    return person


def change(client: Client, person: User, **more: object):
    data = {"username": person.username, "is_active": "on", **more}
    return client.post(reverse("admin:auth_user_change", args=[person.pk]), data)


def test_a_new_person_gets_no_role_above_the_own(client, clerk):
    add = reverse("admin:auth_user_add")
    office, owner = Group.objects.get(name="Office"), Group.objects.get(name="Owner")
    text = client.get(add).content.decode()
    assert "Office" in text
    assert f'value="{owner.pk}"' not in text
    data = {
        "username": "new",
        "usable_password": "true",
        "password1": "long enough 4 us",
        "password2": "long enough 4 us",
    }

    refused = client.post(add, {**data, "groups": [owner.pk], "is_superuser": "on"})
    assert refused.status_code == 200
    assert not User.objects.filter(username="new").exists()

    client.post(add, {**data, "groups": [office.pk], "is_superuser": "on"})
    new = User.objects.get(username="new")
    assert (new.is_superuser, [group.name for group in new.groups.all()]) == (False, ["Office"])


def test_a_person_below_can_be_changed_but_not_lifted_above(client, clerk):
    below = factories.user("below")
    owner = Group.objects.get(name="Owner")

    assert change(client, below, groups=[owner.pk]).status_code == 200
    assert change(client, below, is_superuser="on", last_name="B").status_code == 302

    below.refresh_from_db()
    assert (below.is_superuser, below.last_name, below.groups.count()) == (False, "B", 0)


@pytest.mark.parametrize("kind", ["superuser", "owner", "locked owner"])
def test_a_person_above_is_out_of_reach(client, clerk, django_user_model, kind):
    above = factories.user("above")
    if kind == "superuser":
        django_user_model.objects.filter(pk=above.pk).update(is_superuser=True)
    else:
        above.groups.add(Group.objects.get(name="Owner"))
        django_user_model.objects.filter(pk=above.pk).update(is_active=kind == "owner")
    before = User.objects.get(pk=above.pk).password

    assert change(client, above, last_name="x").status_code == 403
    password = reverse("admin:auth_user_password_change", args=[above.pk])
    data = {"password1": "taken over by me", "password2": "taken over by me", "usable_password": "true"}
    assert client.get(password).status_code == 403
    assert client.post(password, data).status_code == 403
    assert User.objects.get(pk=above.pk).password == before


def test_nobody_changes_their_own_roles(client, clerk):
    role = Group.objects.create(name="Also mine")

    assert change(client, clerk, last_name="C", groups=[role.pk], is_superuser="on").status_code == 302

    clerk.refresh_from_db()
    assert ([group.name for group in clerk.groups.all()], clerk.is_superuser, clerk.is_active) == (
        ["Office"],
        False,
        True,
    )


def test_a_role_is_made_of_the_rights_of_who_makes_it(client, clerk):
    add = reverse("admin:auth_group_add")
    text = client.get(add).content.decode()
    assert 'value="see_orders"' in text
    assert 'value="manage_stores"' not in text

    assert client.post(add, {"name": "Mighty", "rights": ["manage_stores"]}).status_code == 200
    assert not Group.objects.filter(name="Mighty").exists()
    assert client.post(add, {"name": "Meek", "rights": ["see_orders"]}).status_code == 302
    assert permissions_in(Group.objects.get(name="Meek")) == set(permissions_of(["see_orders"]))
    assert rights_to_give(clerk, [right.key for right in every_right()]) == [
        "see_orders",
        "manage_users",
        "manage_roles",
    ]


def test_a_role_with_more_rights_is_not_changed_or_deleted(client, clerk):
    more = Group.objects.create(name="More")
    more.permissions.set(permission_ids(permissions_of(["manage_stores"])))

    assert client.post(reverse("admin:auth_group_change", args=[more.pk]), {"name": "x"}).status_code == 403
    assert client.post(reverse("admin:auth_group_delete", args=[more.pk]), {"post": "yes"}).status_code == 403
    client.post(
        reverse("admin:auth_group_changelist"),
        {"action": "delete_selected", "_selected_action": more.pk, "post": "yes"},
    )
    assert Group.objects.filter(name="More").exists()
