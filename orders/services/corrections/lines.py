"""Correct the lines of an order before it is packed: units, SKUs, lines that are added or removed (R-ORD-15)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from secrets import token_hex

from django.db import transaction
from django.utils.translation import gettext as _

from catalogue.models import Variant, sku_key
from catalogue.services.kits import components_of
from catalogue.sku_resolution import variants_with_skus
from oms.kit.authors.actors import Author
from orders import problem_codes
from orders.domain.allocation import allocate, release_stock
from orders.domain.kits import add_components, begun_kits, end_components, follow_parents
from orders.domain.rules.automation import apply_rules
from orders.domain.shipments import cancel_open_shipments, update_shipped_at
from orders.errors import OrderError
from orders.inbound.fields import MOST_LINES
from orders.inbound.updates import write_pending_events
from orders.models import OrderLine
from orders.services.corrections.part_cancel import drop_units
from orders.services.corrections.seen import has_changed, lines_seen, load_for_correction
from orders.services.decisions import shortage_text
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork

#: Units that a line can be set to, and lines that one correction can add.
MOST_UNITS = 100_000
MOST_ADDED = 20


def correct_lines(
    *,
    order_id: int,
    units: Mapping[int, int],
    skus: Mapping[int, str],
    added: Sequence[tuple[str, int]],
    reason: str,
    by: Author,
    seen: str = "",
) -> tuple[list[str], str]:
    """Correct the lines of an order; return (what changed, one text for each; what is missing now, or "").

    `units` are the units of a line (id) that are to be shipped in all, 0 removes it; `skus` the SKU that is shipped in
    place of the one that was sold; `added` are new lines (SKU, units). A released order moves back to New, stock is
    allocated again, and the amounts of the order do not change.

    The channel is sent nothing. Of units that staff removed, and of lines that they added, it is sent no shipment; a
    line with another SKU is shipped to it as the line that was sold. An import changes none of this, except where the
    channel changes the line itself. `seen` is `lines_seen` of what the person saw.

    Raises `OrderError` without a reason, when nothing differs, for an unknown SKU, an impossible number of units, no
    unit left, and for an order that is packed or has changed since. Nothing is changed then.
    """
    with transaction.atomic():
        unit, order_state = load_for_correction(order_id, reason)
        if seen and seen != lines_seen(order_state.lines):
            raise has_changed()
        variants = _variants([*skus.values(), *(sku for sku, _units in added)])
        kits = components_of(
            {variant.pk for variant in variants.values() if variant.is_kit}
            | {line.variant_id or 0 for line in order_state.lines if order_state.components_of(line)}
        )
        unit.know_components(kits)
        unit.stock(also=[variant.pk for variant in variants.values()])
        lines = {line.pk: line for line in order_state.sold_lines}
        texts = [
            *(
                _replace(unit, order_state, lines[pk], variants[sku_key(sku)])
                for pk, sku in skus.items()
                if pk in lines
            ),
            *(_resize(unit, order_state, lines[pk], count) for pk, count in units.items() if pk in lines),
            *(_add(order_state, variants[sku_key(sku)], count) for sku, count in added[:MOST_ADDED]),
        ]
        texts = [text for text in texts if text]
        if not texts:
            raise OrderError(_("Nothing was changed: the order has these lines already."))
        if all(line.quantity == line.cancelled for line in order_state.lines):
            raise OrderError(_("No unit would be left. Use “Cancel order” instead."))
        add_components(order_state, kits)
        follow_parents(order_state, unit)
        cancel_open_shipments(order_state)
        applied = apply_rules(unit, unit.rules_version, changed=[order_state])
        allocate(order_state, unit.stock(), unit.now)
        order_state.order.units = sum(line.quantity - line.cancelled for line in order_state.sold_lines)
        update_shipped_at(order_state, unit.now)
        text = _("Lines corrected: %(changes)s. %(reason)s")
        order_state.add_event(
            "correct_lines",
            text % {"changes": "; ".join(texts)[:200], "reason": reason.strip()},
            changes=texts,
        )
        write_pending_events(order_state)
        missing = shortage_text(order_state)
        unit.flush(by)
        applied.write()
    return texts, missing


def _variants(skus: Collection[str]) -> dict[str, Variant]:
    """Return the variants with these SKUs by `sku_key`. Raises `OrderError` for one that no product has."""
    wanted = {sku_key(sku): sku for sku in skus}
    found = variants_with_skus(wanted)
    for key, sku in wanted.items():
        if key not in found:
            raise OrderError(_("No product has the SKU “%s”.") % sku.strip())
    return found


def _name(line: OrderLine) -> str:
    return (line.variant.sku if line.variant else line.sku) or line.title


def _checked(units: int) -> int:
    if not 0 <= units <= MOST_UNITS:
        raise OrderError(_("Enter a number of units from 0 to %s.") % f"{MOST_UNITS:,}")
    return units


def _resize(unit: UnitOfWork, order_state: OrderState, line: OrderLine, units: int) -> str:
    """Set how many units of a line are shipped in all; return the change as text, "" for none."""
    now = line.quantity - line.cancelled
    if _checked(units) == now:
        return ""
    name = _name(line)
    shipped = begun_kits(order_state, line)
    if units < shipped:
        raise OrderError(
            _("%(shipped)d units of %(sku)s were shipped already. Enter at least as many.")
            % {"shipped": shipped, "sku": name}
        )
    if units < now:
        drop_units(unit, order_state, line, now - units)
        order_state.close_problem(problem_codes.PARTLY_REFUNDED, _("The lines were corrected."))
    else:
        more = units - now
        if not line.variant_id and line.needs_stock:
            raise OrderError(_("The SKU of “%s” is unknown. Choose its product on the order first.") % name)
        again = min(more, line.dropped)  # units that staff removed before
        line.cancelled -= again
        line.dropped -= again
        if line.is_added:
            line.quantity += more - again
        elif more - again:
            _add(order_state, line.variant, more - again, like=line)
    if not units:
        return _("%(units)d × %(name)s removed") % {"units": now, "name": name}
    return _("%(name)s: %(old)d → %(new)d units") % {"name": name, "old": now, "new": units}


def _replace(unit: UnitOfWork, order_state: OrderState, line: OrderLine, variant: Variant) -> str:
    """Ship another SKU in place of the one that was sold; return the change as text, "" for none."""
    if line.variant_id == variant.pk:
        return ""
    if not line.variant_id:
        raise OrderError(_("The SKU of “%s” is unknown. Choose its product on the order first.") % line.title)
    if begun_kits(order_state, line):
        raise OrderError(_("A part of %s was shipped already. Its SKU cannot be changed.") % _name(line))
    old = _name(line)
    release_stock(order_state, unit.stock(), unit.now, line=line)
    if order_state.components_of(line):
        end_components(order_state, unit, line)
    line.variant, line.is_counted = variant, variant.is_counted
    line.is_substituted = not line.is_added and sku_key(line.sku) != variant.sku_key
    if line.is_added:
        line.sku, line.title = variant.sku[:255], variant.product.title[:300]
    return _("%(old)s → %(new)s") % {"old": old, "new": variant.sku}


def _add(
    order_state: OrderState, variant: Variant | None, units: int, *, like: OrderLine | None = None
) -> str:
    """Add units of a SKU, on the line that staff added before if there is one; return the change as text."""
    if _checked(units) < 1:
        raise OrderError(_("Enter at least one unit of each added line."))
    found = next(
        (
            line
            for line in order_state.sold_lines
            if line.is_added and variant and line.variant_id == variant.pk
        ),
        None,
    )
    if found is not None:
        found.quantity += units
    else:
        order_state.lines.append(
            OrderLine(
                order=order_state.order,
                external_id=f"added-{token_hex(8)}",
                position=min(max((line.position for line in order_state.lines), default=0) + 1, MOST_LINES),
                variant=variant,
                sku=variant.sku[:255] if variant else (like.sku if like else ""),
                title=(variant.product.title if variant else like.title if like else "")[:300],
                is_counted=variant.is_counted if variant else True,
                needs_stock=like.needs_stock or bool(order_state.components_of(like)) if like else True,
                needs_parcel=like.needs_parcel if like else True,
                quantity=units,
                is_added=True,
            )
        )
    name = variant.sku if variant else like.title if like else ""
    return _("%(units)d × %(name)s added") % {"units": units, "name": name}
