"""Deleting a disconnected store: its listings, settings, messages and logs go; orders and documents stay, by law and for the stock."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db import models, transaction
from django.utils import timezone

from channels.models import Connection
from channels.models.connection import DELETED
from channels.models.fields import Secrets
from oms.kit.authors import audit
from oms.upkeep.archive import UpkeepError

BATCH = 1000


@dataclass(slots=True)
class Plan:
    """What is deleted and what stays, as numbers of rows by the name of their kind."""

    deleted: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether the store vanishes altogether, because nothing refers to it."""
        return not any(self.kept.values())


def relations(on_delete: object) -> list[tuple[type[models.Model], str]]:
    """Return the models that refer to a store in this way, and by which field."""
    return [
        (relation.related_model, relation.field.name)
        for relation in Connection._meta.related_objects
        if relation.on_delete is on_delete
    ]


def plan(store: Connection) -> Plan:
    """Return what deleting a store would do. Raises `UpkeepError` for one that is connected, or deleted already."""
    if store.state != Connection.State.DISCONNECTED:
        raise UpkeepError(f"{store.name} is connected: disconnect it first on its page.")
    if store.is_deleted:
        raise UpkeepError(f"{store.name} is deleted already. Its orders stay.")
    found = Plan()
    for model, name in relations(models.CASCADE):
        if number := model._base_manager.filter(**{name: store.pk}).count():
            found.deleted[str(model._meta.verbose_name_plural)] = number
    for model, name in relations(models.PROTECT):
        if number := model._base_manager.filter(**{name: store.pk}).count():
            found.kept[str(model._meta.verbose_name_plural)] = number
    return found


def delete(store: Connection) -> Plan:
    """Delete a disconnected store; return what was deleted and what stays. Safe to repeat when it was cut off.

    Where orders, documents or returns refer to it, its row stays with them under a name that says so. It holds no key and no account,
    so the same account can be connected as a new store.
    """
    done = plan(store)
    for model, name in relations(models.CASCADE):
        while keys := list(
            model._base_manager.filter(**{name: store.pk}).values_list("pk", flat=True)[:BATCH]
        ):
            model._base_manager.filter(pk__in=keys).delete()
    with transaction.atomic():
        audit.record("store.deleted", store)
        if done.is_whole:
            store.delete()
            return done
        row = Connection.objects.select_for_update(no_key=True).get(pk=store.pk)
        suffix = f" (deleted {timezone.localdate().isoformat()}, {row.pk})"
        row.name = f"{row.name[: 120 - len(suffix)]}{suffix}"
        row.fingerprint = f"deleted:{row.pk}"
        row.credentials = row.webhook_secret = Secrets()
        row.account, row.options = {}, {DELETED: timezone.now().isoformat()}
        row.save(update_fields=["name", "fingerprint", "credentials", "webhook_secret", "account", "options"])
    return done
