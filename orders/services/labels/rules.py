"""The table of carriers of a store: its lines are saved together."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from channels.models import Connection
from oms.kit.authors import audit
from oms.kit.authors.actors import Author
from orders.errors import OrderError
from orders.models import CarrierRule, OrderSettings

MOST = 100  # lines of one store


@transaction.atomic
def save(*, connection: Connection, rules: Sequence[CarrierRule], by: Author) -> int:
    """Replace the table of a store with these lines, in their order; return how many there are.

    Raises `OrderError` for a line without a carrier, a lower bound above its upper one, or more than 100 lines.
    """
    if len(rules) > MOST:
        raise OrderError(_("A store has at most %d carrier rules.") % MOST)
    Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
    before = [describe(rule) for rule in connection.carrier_rules.select_related("carrier")]
    for position, rule in enumerate(rules, 1):
        if rule.carrier is None:
            raise OrderError(_("Line %d has no carrier.") % position)
        for low, high in ((rule.min_grams, rule.max_grams), (rule.min_value, rule.max_value)):
            if low is not None and high is not None and low > high:
                raise OrderError(_("Line %d fits nothing: its first bound is above the second.") % position)
        rule.pk, rule.connection, rule.position = None, connection, position * 10
        rule._state.adding = True
    connection.carrier_rules.all().delete()
    CarrierRule.objects.bulk_create(rules)
    OrderSettings.objects.update_or_create(connection=connection, defaults={"has_carrier_rules": bool(rules)})
    after = [describe(rule) for rule in rules]
    if before != after:
        audit.record("carrier.rules", connection, {"rules": (before, after)}, by=by)
    return len(rules)


def describe(rule: CarrierRule) -> str:
    """Return a line as text: its conditions and what it chooses."""
    parts = [
        rule.countries,
        f"{rule.min_grams or 0}–{rule.max_grams or ''} g" if rule.min_grams or rule.max_grams else "",
        f"{rule.min_value or 0}–{rule.max_value or ''}" if rule.min_value or rule.max_value else "",
        f"“{rule.method}”" if rule.method else "",
    ]
    chosen = f"{rule.carrier} {rule.service}".strip()
    return f"{', '.join(filter(None, parts)) or '*'} → {chosen}"
