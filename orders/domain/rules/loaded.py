"""The rules that are switched on, read once by each process and kept until somebody changes a rule.

`RuleState.version` is read with something that is read anyway (the facts of a store, the stores of a unit of work), so
that the check costs no statement. The version is a new random text after each change, "" while no rule is switched on:
then nothing is read at all.
"""

from __future__ import annotations

from django.db.models import Subquery

from channels.contract.registry import specs
from channels.models import Connection
from inventory.models import Warehouse
from orders.domain.rules.compiled import CompiledRules, compile_rules
from orders.domain.rules.fields import Names
from orders.models import Carrier, OrderRule, RuleState

#: The rules of one version; another version replaces them.
_kept: dict[str, tuple[CompiledRules, Names]] = {}


def version_column() -> Subquery:
    """Return the version of the rules as a column of another query; NULL while there never was a rule."""
    return Subquery(RuleState.objects.order_by().values("version")[:1])


def rules_of(version: str) -> tuple[CompiledRules, Names]:
    """Return the rules that are switched on and the names of what they use; 4 statements after a change, else none."""
    found = _kept.get(version)
    if found is None:
        rows = OrderRule.objects.filter(is_active=True).order_by("position", "pk")
        found = compile_rules(rows), names_in_use()
        _kept.clear()
        _kept[version] = found
    return found


def names_in_use() -> Names:
    """Return what a rule may name: stores, channels, active carriers and active warehouses; 3 statements."""
    stores = Connection.objects.filter(kind=Connection.Kind.STORE).order_by("name")
    carriers = Carrier.objects.filter(is_active=True).order_by("name")
    warehouses = Warehouse.objects.filter(is_active=True).order_by("name")
    return Names(
        stores={str(pk): name for pk, name in stores.values_list("pk", "name")},
        channels={name: str(spec.label) for name, spec in specs().items()},
        carriers={str(pk): name for pk, name in carriers.values_list("pk", "name")},
        warehouses={str(pk): name for pk, name in warehouses.values_list("pk", "name")},
    )
