"""Create, change and delete outgoing webhooks; send deliveries again."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from channels.models import HookDelivery, HookSubscription
from channels.models.fields import Secrets
from channels.ops.alerts.webhook import address_fault
from channels.ops.hooks.collecting import start_cursors
from channels.ops.hooks.sending import TEST
from channels.push.hook_kinds import kinds
from oms.kit.api import signatures
from oms.kit.authors import audit
from oms.kit.authors.actors import Author

State = HookDelivery.State


class HookError(Exception):
    """It cannot be saved like this; the text is a sentence."""


def create(*, name: str, url: str, events: Sequence[str], by: Author) -> tuple[HookSubscription, str]:
    """Create a subscription; return it and its secret, which is shown once. It is sent what happens from now on.

    Raises `HookError` for a name that exists, for an address that is not public https, and without events.
    """
    name, url = name.strip(), url.strip()
    _check(name, url, events, None)
    secret = signatures.new_secret()
    chosen = [key for key in kinds() if key in events]
    with transaction.atomic():
        row = HookSubscription.objects.create(
            name=name[:60],
            secrets=Secrets(url=url, secret=secret),
            events=chosen,
            cursors=start_cursors(chosen),
            created_by_id=by.user_id,
        )
        audit.record("hook.created", row, {"events": ("", ", ".join(chosen))}, by=by)
    return row, secret


def change(*, subscription: HookSubscription, name: str, url: str, events: Sequence[str], by: Author) -> None:
    """Change a subscription; raises like `create`. An event that is added is sent from now on."""
    name, url = name.strip(), url.strip()
    _check(name, url, events, subscription)
    chosen = [key for key in kinds() if key in events]
    with transaction.atomic():
        row = HookSubscription.objects.select_for_update().get(pk=subscription.pk)
        kept = {key: value for key, value in row.cursors.items() if key.partition("/")[0] in chosen}
        changes = {"name": (row.name, name), "events": (", ".join(row.events), ", ".join(chosen))}
        if row.secrets.get("url") != url:
            changes["address"] = (_("the former"), _("another"))
        row.name, row.events, row.cursors = name[:60], chosen, {**start_cursors(chosen), **kept}
        row.secrets = Secrets({**row.secrets, "url": url})
        row.not_before = None
        row.save()
        differing = {key: pair for key, pair in changes.items() if pair[0] != pair[1]}
        if differing:
            audit.record("hook.changed", row, differing, by=by)


def renew_secret(*, subscription: HookSubscription, by: Author) -> str:
    """Make a new secret and return it; the former one signs nothing any more."""
    secret = signatures.new_secret()
    with transaction.atomic():
        row = HookSubscription.objects.select_for_update().get(pk=subscription.pk)
        row.secrets = Secrets({**row.secrets, "secret": secret})
        row.save(update_fields=["secrets"])
        audit.record("hook.secret", row, by=by)
    return secret


def switch(*, subscription: HookSubscription, is_on: bool, by: Author) -> None:
    """Switch a subscription on or off. What waits is sent when it is on again; what happens meanwhile is not."""
    with transaction.atomic():
        row = HookSubscription.objects.select_for_update().get(pk=subscription.pk)
        if is_on and not row.is_active:
            row.cursors = start_cursors(row.events)
        row.is_active, row.off_reason, row.failing_since, row.not_before = is_on, "", None, None
        row.save()
        audit.record("hook.on" if is_on else "hook.off", row, by=by)


def delete(*, subscription: HookSubscription, by: Author) -> None:
    """Delete a subscription with its log."""
    with transaction.atomic():
        audit.record("hook.deleted", subscription, by=by)
        subscription.delete()


def replay(*, subscription: HookSubscription, by: Author, delivery_id: int | None = None) -> int:
    """Send a delivery again, with the same `webhook-id`; None: all that failed. Return how many."""
    rows = HookDelivery.objects.filter(subscription=subscription).exclude(event=TEST)
    rows = rows.filter(state=State.FAILED) if delivery_id is None else rows.filter(pk=delivery_id)
    with transaction.atomic():
        count = rows.update(state=State.WAITING, attempts=0, not_before=None)
        if not count:
            raise HookError(_("There is nothing to send again."))
        HookSubscription.objects.filter(pk=subscription.pk).update(not_before=None)
        audit.record("hook.replayed", subscription, {"deliveries": ("", count)}, by=by)
    return count


def _check(name: str, url: str, events: Sequence[str], known: HookSubscription | None) -> None:
    if not name:
        raise HookError(_("Enter a name."))
    others = HookSubscription.objects.filter(name=name[:60])
    if (others.exclude(pk=known.pk) if known else others).exists():
        raise HookError(_("There is already an outgoing webhook with this name."))
    if len(url) > 500 or (fault := address_fault(url)):
        raise HookError(fault if len(url) <= 500 else _("The address has at most 500 characters."))
    if not set(events) & set(kinds()):
        raise HookError(_("Choose at least one event."))
