"""The actions of a rule, and what each does with an order in memory.

A stored action is `{"kind": key, "value": text}`. Of the rules that apply to one order, the first that sets the carrier,
the service, the warehouse or the priority decides; what a person chose is never replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from oms.kit.bulk import make
from orders.choices import OrderPriority, ShipmentState
from orders.domain.rules.fields import Names, fold, key_named
from orders.errors import OrderError
from orders.models import Hold, Note
from orders.unit_of_work.order_state import OrderState

if TYPE_CHECKING:
    from orders.domain.rules.compiled import CompiledRule

#: Longest tag, and all tags of an order together.
LONGEST_TAG, LONGEST_TAGS = 40, 200


@dataclass(frozen=True, slots=True)
class Kind:
    """One action: its label, whether it has a value and an example of it. `is_single`: only one rule can decide it."""

    key: str
    label: Any
    hint: Any = ""
    is_single: bool = False


KINDS: Mapping[str, Kind] = {
    one.key: one
    for one in (
        Kind("hold", gettext_lazy("Hold, with the reason"), gettext_lazy("Check the address")),
        Kind("tag", gettext_lazy("Add the tag"), gettext_lazy("gift")),
        Kind("carrier", gettext_lazy("Set the carrier"), gettext_lazy("Royal Mail"), is_single=True),
        Kind("service", gettext_lazy("Set the carrier service"), gettext_lazy("Tracked 48"), is_single=True),
        Kind("warehouse", gettext_lazy("Allocate first from"), gettext_lazy("Leeds"), is_single=True),
        Kind("priority", gettext_lazy("Set the priority"), gettext_lazy("high or urgent"), is_single=True),
        Kind("release", gettext_lazy("Release when all units are allocated")),
        Kind("note", gettext_lazy("Add the note"), gettext_lazy("Pack with extra foam")),
    )
}
PRIORITIES = {"normal": OrderPriority.NORMAL, "high": OrderPriority.HIGH, "urgent": OrderPriority.URGENT}


def parse_action(kind: str, text: str, names: Names) -> dict[str, str]:
    """Return an action as it is stored, from what a person chose and wrote. Raises `OrderError` with the reason."""
    one, written = KINDS.get(kind), " ".join(text.split())
    if one is None:
        raise OrderError(_("Choose what the rule does."))
    if kind == "release":
        return {"kind": kind, "value": ""}
    if not written:
        raise OrderError(
            _("Enter the value of “%(action)s”, for example: %(hint)s")
            % {"action": one.label, "hint": one.hint}
        )
    if kind == "carrier":
        written = key_named(names.carriers, written, _("active carrier"))
    elif kind == "warehouse":
        written = key_named(names.warehouses, written, _("active warehouse"))
    elif kind == "priority":
        labels = {key: str(value.label) for key, value in PRIORITIES.items()}
        found = next((key for key, label in labels.items() if fold(written) in (key, fold(label))), None)
        if found is None:
            raise OrderError(
                _("“%(value)s” is no priority. Possible: %(known)s.")
                % {"value": written[:60], "known": ", ".join(labels.values())}
            )
        written = found
    elif kind == "tag" and ("|" in written or len(written) > LONGEST_TAG):
        raise OrderError(_("A tag has at most %d characters and no “|”.") % LONGEST_TAG)
    longest = 1000 if kind == "note" else 120
    if len(written) > longest:
        raise OrderError(
            _("“%(action)s” has at most %(most)d characters.") % {"action": one.label, "most": longest}
        )
    return {"kind": kind, "value": written}


def written_action(action: Mapping[str, Any], names: Names) -> str:
    """Return the value of a stored action as a person writes it."""
    kind, value = action.get("kind"), str(action.get("value", ""))
    if kind == "carrier":
        return names.carriers.get(value, "?")
    if kind == "warehouse":
        return names.warehouses.get(value, "?")
    if kind == "priority" and value in PRIORITIES:
        return str(PRIORITIES[value].label)
    return value


def action_text(action: Mapping[str, Any], names: Names) -> str:
    """Return a stored action in words: “Set the carrier: Royal Mail”."""
    one = KINDS.get(str(action.get("kind")))
    if one is None:
        return _("(not readable)")
    value = written_action(action, names)
    return f"{one.label}: {value}" if value else str(one.label)


@dataclass(slots=True)
class Passage:
    """The rules that apply to one order now: what they have set, and the notes to write.

    `earlier` is what rules set at earlier events, by kind: only that may be replaced. `names` shows carriers and
    warehouses in the timeline.
    """

    order_state: OrderState
    now: datetime
    names: Names
    earlier: Mapping[str, Any] = field(default_factory=dict)
    decided: dict[str, str] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    release_stock: Callable[[OrderState], Any] | None = None
    #: Actions in words, kept for the other orders of the page.
    words: dict[tuple[str, str], str] = field(default_factory=dict)

    def apply(self, rule: CompiledRule) -> dict[str, str]:
        """Carry out the actions of a rule; return what it set, by kind. The timeline gets one entry for the rule."""
        effects, texts = {}, []
        for action in rule.actions:
            kind, value = str(action["kind"]), str(action.get("value", ""))
            text, is_done = self._act(kind, value, rule)
            if text:
                texts.append(text)
            if is_done:
                effects[kind] = value
                if KINDS[kind].is_single:
                    self.decided[kind] = rule.name
        self.order_state.pending_events.append(
            (
                "rule",
                _("Rule “%(rule)s” (version %(version)d): %(effects)s")
                % {
                    "rule": rule.name,
                    "version": rule.version,
                    "effects": "; ".join(texts) or _("nothing to change"),
                },
            )
        )
        return effects

    def _act(self, kind: str, value: str, rule: CompiledRule) -> tuple[str, bool]:
        words = self.words.get((kind, value))
        if words is None:
            words = self.words[kind, value] = action_text({"kind": kind, "value": value}, self.names)
        if KINDS[kind].is_single:
            if kind in self.decided:
                return _("%(action)s – not done: rule “%(rule)s” decided it") % {
                    "action": words,
                    "rule": self.decided[kind],
                }, False
            if kind in ("carrier", "warehouse") and value not in getattr(self.names, f"{kind}s"):
                return _("%(action)s – not done: it is no longer active") % {"action": words}, False
            if not self._may_set(kind):
                return _("%(action)s – not done: it was chosen already") % {"action": words}, False
        act: Callable[[str, CompiledRule], bool] = getattr(self, f"_{kind}")
        return words, act(value, rule)

    def _may_set(self, kind: str) -> bool:
        """Return whether nobody has chosen it, or only a rule at an earlier event."""
        order = self.order_state.order
        now = {
            "carrier": order.carrier_id,
            "service": order.service,
            "warehouse": order.warehouse_id,
            "priority": order.priority,
        }[kind]
        if not now:
            return True
        before = str(self.earlier.get(kind, ""))
        return before == str(now) or (kind == "priority" and PRIORITIES.get(before) == now)

    # ------------------------------------------------ actions, each returns whether it changed something
    def _hold(self, value: str, rule: CompiledRule) -> bool:
        self.order_state.holds.append(
            make(Hold, order=self.order_state.order, reason=value[:200], placed_at=self.now)
        )
        return True

    def _tag(self, value: str, rule: CompiledRule) -> bool:
        return add_tag(self.order_state, value)

    def _carrier(self, value: str, rule: CompiledRule) -> bool:
        carrier_id = int(value)
        self.order_state.order.carrier_id = carrier_id
        for shipment in self.order_state.open_shipments:
            if shipment.state == ShipmentState.PLANNED:
                shipment.carrier_id = carrier_id
        return True

    def _service(self, value: str, rule: CompiledRule) -> bool:
        self.order_state.order.service = value[:120]
        for shipment in self.order_state.open_shipments:
            if shipment.state == ShipmentState.PLANNED:
                shipment.service = value[:120]
        return True

    def _warehouse(self, value: str, rule: CompiledRule) -> bool:
        order = self.order_state.order
        order.warehouse_id = int(value)
        order.warehouse_reason = (
            _("Rule “%(rule)s” (version %(version)d)") % {"rule": rule.name, "version": rule.version}
        )[:200]
        if self.release_stock is not None and not self.order_state.open_shipments:
            self.release_stock(self.order_state)  # it is allocated again, in the new sequence
        return True

    def _priority(self, value: str, rule: CompiledRule) -> bool:
        self.order_state.order.priority = PRIORITIES[value]
        return True

    def _release(self, value: str, rule: CompiledRule) -> bool:
        self.order_state.is_released_by_rule = True
        return True

    def _note(self, value: str, rule: CompiledRule) -> bool:
        self.notes.append(make(Note, order=self.order_state.order, text=value, at=self.now))
        return True


def add_tag(order_state: OrderState, tag: str) -> bool:
    """Add a tag to an order; return False when it has it, or when its tags would become too long."""
    order = order_state.order
    if fold(tag) in {fold(each) for each in order.tag_names}:
        return False
    tags = f"{order.tags or '|'}{tag}|"
    if len(tags) > LONGEST_TAGS:
        return False
    order.tags = tags
    return True
