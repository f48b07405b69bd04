"""Deleting a disconnected store: its listings, settings, messages and logs go; orders and documents stay, by law and for the stock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext

from channels.models import Connection
from channels.models.connection import DELETED
from channels.models.fields import Secrets
from oms.kit.authors import audit
from oms.kit.background import jobs
from oms.kit.models import Job
from oms.kit.numbers import grouped
from oms.upkeep.archive import UpkeepError

JOB = "delete_store"
#: The right to connect a store includes deleting one.
PERMISSION = "channels.add_connection"
BATCH = 1000
#: Batches of one slice of the job: each is a transaction of its own.
BATCHES = 20


@dataclass(slots=True)
class Plan:
    """What is deleted and what stays, as numbers of rows by the name of their kind."""

    deleted: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)


def relations(on_delete: object) -> list[tuple[type[models.Model], str]]:
    """Return the models that refer to a store in this way, and by which field."""
    return [
        (relation.related_model, relation.field.name)
        for relation in Connection._meta.related_objects
        if relation.on_delete is on_delete
    ]


def check(store: Connection) -> None:
    """Raise `UpkeepError` for a store that is connected, or deleted already."""
    if store.state != Connection.State.DISCONNECTED:
        raise UpkeepError(gettext("%s is connected: disconnect it first on its page.") % store.name)
    if store.is_deleted:
        raise UpkeepError(gettext("%s is deleted already. Its orders stay.") % store.name)


def plan(store: Connection, *, most: int | None = None) -> Plan:
    """Return what deleting a store would do; with `most`, each kind is counted up to one more than that.

    Raises `UpkeepError` as `check` does.
    """
    check(store)
    return Plan(_counted(models.CASCADE, store, most), _counted(models.PROTECT, store, most))


def _counted(on_delete: object, store: Connection, most: int | None) -> dict[str, int]:
    found = {}
    for model, name in relations(on_delete):
        rows = model._base_manager.filter(**{name: store.pk}).order_by()
        if number := (rows if most is None else rows[: most + 1]).count():
            found[str(model._meta.verbose_name_plural)] = number
    return found


def delete_some(store: Connection) -> int:
    """Delete at most `BATCH` rows that go with a disconnected store; return how many, 0 when none is left."""
    for model, name in relations(models.CASCADE):
        rows = model._base_manager.filter(**{name: store.pk})
        if keys := list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH]):
            model._base_manager.filter(pk__in=keys).delete()
            return len(keys)
    return 0


def finish(store: Connection) -> None:
    """Delete the store itself, when `delete_some` has nothing left to delete.

    Where orders, documents or returns refer to it, its row stays with them under a name that says so. It holds no key and
    no account, so the same account can be connected as a new store. Raises `UpkeepError` as `check` does.
    """
    with transaction.atomic():
        row = Connection.objects.select_for_update(no_key=True).get(pk=store.pk)
        check(row)
        audit.record("store.deleted", row)
        if not _counted(models.PROTECT, row, 0):
            row.delete()
            return
        suffix = f" (deleted {timezone.localdate().isoformat()}, {row.pk})"
        row.name = f"{row.name[: 120 - len(suffix)]}{suffix}"
        row.fingerprint = f"deleted:{row.pk}"
        row.credentials = row.webhook_secret = Secrets()
        row.account, row.options = {}, {DELETED: timezone.now().isoformat()}
        row.save(update_fields=["name", "fingerprint", "credentials", "webhook_secret", "account", "options"])


def delete(store: Connection) -> Plan:
    """Delete a disconnected store; return what was deleted and what stays. Safe to repeat when it was cut off."""
    done = plan(store)
    while delete_some(store):
        pass
    finish(store)
    return done


def start(store: Connection, *, by: Any) -> Job:
    """Start the job that deletes a disconnected store; a second press finds the same job. Raises `UpkeepError` as `check` does."""
    total = sum(plan(store).deleted.values())
    return jobs.start(
        kind=JOB,
        title=gettext("Delete %s") % store.name,
        subject_kind="connection",
        subject_id=store.pk,
        params={"name": store.name},
        total=total,
        author=by,
    )


def work(job: Job) -> bool:
    """Delete one slice of the store of a job; return whether more is left. What is deleted stays so if the job is cancelled."""
    store = Connection.objects.filter(pk=job.subject_id or 0).first()
    name = job.params["name"]
    if store is None or store.is_deleted:
        job.message = gettext("%s is deleted.") % name
        return False
    if job.author is None or not job.author.is_active or not job.author.has_perm(PERMISSION):
        raise jobs.JobFailed(gettext("Your role does not allow this."))
    try:
        check(store)
        for _batch in range(BATCHES):
            number = delete_some(store)
            if not number:
                finish(store)
                job.message = gettext("%s is deleted.") % name
                return False
            jobs.report_or_stop(job, done=job.done + number)
    except UpkeepError as error:
        raise jobs.JobFailed(str(error)) from error
    return True


def written(counts: dict[str, int], *, most: int) -> Sequence[str]:
    """Return counts as a person reads them: “12 listings”, “more than 10,000 messages”."""
    return [
        gettext("more than %(number)s %(things)s") % {"number": grouped(most), "things": things}
        if number > most
        else f"{grouped(number)} {things}"
        for things, number in counts.items()
    ]
