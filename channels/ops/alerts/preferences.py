"""Save what a person wants to be sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import time

from django.db import transaction

from channels.models import AlertSettings
from channels.ops.alerts.people import HOME, MAIL, WEBHOOK, Person
from channels.stores.alert_kinds import all_kinds
from oms.kit.authors import audit

FIELDS = ("ways", "webhook_form", "quiet_from", "quiet_until", "time_zone", "is_sent_escalations")


@transaction.atomic
def save(
    *,
    person: Person,
    ways: Mapping[str, Collection[str]],
    webhook: str = "",
    webhook_form: str = AlertSettings.Form.JSON,
    forget_webhook: bool = False,
    quiet_from: time | None = None,
    quiet_until: time | None = None,
    time_zone: str = "",
    is_sent_escalations: bool | None = None,
) -> AlertSettings:
    """Save a person's alert settings and record what changed; the address of the webhook is not recorded.

    `ways` is kind -> ways; unknown kinds and ways are left out, kinds that are not named stay as they are. An empty
    `webhook` leaves the stored one, `forget_webhook` deletes it. `is_sent_escalations` None leaves it.
    """
    row, _made = AlertSettings.objects.select_for_update().get_or_create(user=person.user)
    before = audit.snapshot(row, FIELDS)
    known, possible = all_kinds(), {MAIL, WEBHOOK, HOME}
    row.ways = {
        **row.ways,
        **{kind: sorted(possible & set(chosen)) for kind, chosen in ways.items() if kind in known},
    }
    is_new_webhook = bool(webhook) or (forget_webhook and bool(row.webhook))
    if webhook:
        row.webhook = {"url": webhook}
    elif forget_webhook:
        row.webhook = {}
    row.webhook_form, row.time_zone = webhook_form, time_zone
    row.quiet_from, row.quiet_until = quiet_from, quiet_until
    if is_sent_escalations is not None:
        row.is_sent_escalations = is_sent_escalations
    row.save()
    changes = audit.difference(before, audit.snapshot(row, FIELDS))
    if is_new_webhook:
        changes["webhook_secret"] = (None, None)
    if changes:
        audit.record("alerts.settings", row, changes)
    return row
