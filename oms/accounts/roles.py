"""The five roles of R-USE-01 as groups, brought up to date after every migration.

`docs/roles.md` says the same in words. Roles that people made themselves are not changed; the permissions of these five
are set to what is written here, so that an upgrade reaches every installation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db import transaction

from oms.accounts.rights import AREAS, every_right, permissions_of

OWNER = "Owner"
CATALOGUE_MANAGER = "Catalogue manager"
ORDER_DESK = "Order desk"
WAREHOUSE = "Warehouse"
READ_ONLY = "Read-only"

_SEE_GOODS = ("see_orders", "see_catalogue", "see_stock", "see_work")
_STORE_WORK = ("see_stores", "sync_stores", "export_work", "resolve_problems")

#: Role -> keys of its rights (`oms.accounts.rights`).
RIGHTS: Mapping[str, tuple[str, ...]] = {
    OWNER: tuple(right.key for right in every_right()),
    CATALOGUE_MANAGER: (
        *_SEE_GOODS,
        *_STORE_WORK,
        "edit_products",
        "edit_listings",
        "map_skus",
        "merge_skus",
        "unmap_skus",
        "import_files",
        "export_catalogue",
        "export_stock",
        "edit_suppliers",
        "see_reports",
        "export_reports",
    ),
    ORDER_DESK: (
        *_SEE_GOODS,
        *_STORE_WORK,
        "work_orders",
        "buy_labels",
        "decide_returns",
        "enter_orders",
        "print_documents",
        "issue_documents",
        "write_notes",
        "edit_carriers",
        "edit_rules",
        "export_orders",
        "see_reports",
        "export_reports",
        "map_skus",
    ),
    WAREHOUSE: (
        *_SEE_GOODS,
        "adjust_stock",
        "import_files",
        "export_stock",
        "ship_orders",
        "buy_labels",
        "print_documents",
        "receive_returns",
        "write_notes",
    ),
    READ_ONLY: (*_SEE_GOODS, "see_stores", "see_reports"),
}

#: Role -> its permissions.
ROLES: Mapping[str, tuple[str, ...]] = {name: permissions_of(keys) for name, keys in RIGHTS.items()}


def permission_ids(names: Iterable[str]) -> list[int]:
    """Return the ids of these permissions ("orders.view_order"); names that the database does not have are left out."""
    wanted = set(names)
    rows = Permission.objects.values_list("pk", "content_type__app_label", "codename")
    return [pk for pk, app, code in rows if f"{app}.{code}" in wanted]


@transaction.atomic
def upsert_roles() -> None:
    """Create or correct the five groups: four statements for all of them, and one for each that changed."""
    every = {
        f"{app}.{code}": pk
        for pk, app, code in Permission.objects.values_list("pk", "content_type__app_label", "codename")
    }
    Group.objects.bulk_create([Group(name=name) for name in ROLES], ignore_conflicts=True)
    for group in Group.objects.filter(name__in=ROLES).prefetch_related("permissions"):
        wanted = {every[name] for name in ROLES[group.name] if name in every}
        if {permission.pk for permission in group.permissions.all()} != wanted:
            group.permissions.set(wanted)


def after_migrate(sender: Any, **kwargs: Any) -> None:
    """Run once, after the last of our apps (`orders`), whose permissions Django would only create after us."""
    create_permissions(sender, verbosity=0)
    upsert_roles()


def table() -> str:
    """Return the table of `docs/roles.md`: what each of the five roles has, right by right."""
    lines = [f"| right | {' | '.join(ROLES)} |", f"|---{'|---' * len(ROLES)}|"]
    for area in AREAS:
        lines.append(f"| **{area.title}** |{' |' * len(ROLES)}")
        lines += [
            f"| {right.label} | {' | '.join('yes' if right.key in RIGHTS[role] else '' for role in ROLES)} |"
            for right in area.rights
        ]
    return "\n".join(lines) + "\n"
