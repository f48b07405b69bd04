"""Nobody gives rights that they do not have (F-30).

A person with the right "Add and change users" gives roles whose every permission they have, and changes, locks or gives a
new password only to people who may do no more than they may. The same holds for "Add, change and delete roles".
Full access (a superuser) has every permission, so only full access gives it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.contrib.auth.models import Group, User

from oms.accounts.rights import permissions_of


def permissions_in(group: Group) -> set[str]:
    """Return the names of the permissions of a role."""
    rows = group.permissions.order_by().values_list("content_type__app_label", "codename")
    return {f"{app}.{code}" for app, code in rows}


def may_give(actor: User, permissions: Collection[str]) -> bool:
    """Whether `actor` has every one of these permissions."""
    return actor.is_active and (actor.is_superuser or set(permissions) <= actor.get_all_permissions())


def may_give_role(actor: User, group: Group) -> bool:
    """Whether `actor` may give this role to a person, take it from one, or change it."""
    return may_give(actor, permissions_in(group))


def roles_to_give(actor: User) -> list[Group]:
    """Return the roles that `actor` may give, by name."""
    return [group for group in Group.objects.order_by("name") if may_give_role(actor, group)]


def rights_to_give(actor: User, keys: Iterable[str]) -> list[str]:
    """Return those of these rights (`oms.accounts.rights`) that `actor` may put into a role."""
    return [key for key in keys if may_give(actor, permissions_of([key]))]


def may_manage(actor: User, person: User) -> bool:
    """Whether `actor` may change this person: their data, roles, password, and whether they can sign in."""
    if actor.is_superuser:
        return actor.is_active
    return not person.is_superuser and may_give(actor, _may_do(person))


def _may_do(person: User) -> set[str]:
    """Return the permissions that a person has, or would have again when they can sign in."""
    found = {
        f"{app}.{code}"
        for app, code in person.user_permissions.values_list("content_type__app_label", "codename")
    }
    for group in person.groups.all():
        found |= permissions_in(group)
    return found
