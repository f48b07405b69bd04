"""The part of a sheet that sets the stock of SKUs: each quantity is a count of the units on hand in one warehouse.

It is written by `inventory.services.adjust`, as a count on the page of stock is: with author, reason and movement, and
sent to the stores. A new SKU gets its quantity as opening stock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from catalogue.models import Variant
from catalogue.sheets.imports.lookup import is_given, key_of, known, variants_of
from inventory.errors import StockError
from inventory.models import StockItem, StockMovement, Warehouse, WarehouseMapping
from inventory.services.adjust import Adjustment, adjust_many
from inventory.services.warehouse_mapping import main_warehouse
from inventory.stock_changes import kit_has_no_stock
from oms.kit.bulk import among
from oms.kit.imports.kinds import ZEROED, Draft, RowsRefused, Session
from oms.kit.sheets.records import CLEAR

Kind = StockMovement.Kind


class Warehouses:
    """The active warehouses, and the one that is meant where a row names none."""

    def __init__(self, chosen: str = "") -> None:
        rows = list(Warehouse.objects.filter(is_active=True))
        self.by_name = {row.name.casefold(): row for row in rows} | {row.code.casefold(): row for row in rows}
        defaults = set(
            WarehouseMapping.objects.filter(is_default=True, warehouse__is_active=True).values_list(
                "warehouse", flat=True
            )
        )
        self.by_pk = {row.pk: row for row in rows}
        self.chosen = self.named(chosen) if chosen else None
        self.default = self.chosen
        if self.default is None and len(rows) == 1:
            self.default = rows[0]
        if self.default is None and len(defaults) == 1:
            self.default = next((row for row in rows if row.pk in defaults), None)

    def named(self, name: str) -> Warehouse | None:
        """Return the warehouse with this code or name."""
        return self.by_name.get(name.strip().casefold())


class StockPart:
    """Counts of SKUs. `is_whole_sheet`: the sheet is about stock only, so an unknown SKU is rejected."""

    name = "stock"

    def __init__(self, *, is_whole_sheet: bool) -> None:
        self.is_whole_sheet = is_whole_sheet

    def check(self, drafts: Sequence[Draft], session: Session) -> None:
        if "warehouses" not in session.memory:
            session.memory["warehouses"] = Warehouses(str(session.options.get("warehouse", "")))
        warehouses: Warehouses = session.memory["warehouses"]
        if self.is_whole_sheet:
            pairs: list[tuple[Draft, Variant | None]] = list(known(drafts, session))
        else:
            found = variants_of(drafts, session)
            pairs = [(draft, found.get(key_of(draft))) for draft in drafts]
        asked = [pair for pair in pairs if is_given(pair[0].record.values, "quantity")]
        on_hand = _on_hand(variant.pk for _draft, variant in asked if variant is not None)
        for draft, variant in asked:
            self._compare(draft, variant, on_hand, warehouses)

    @staticmethod
    def _compare(
        draft: Draft,
        variant: Variant | None,
        on_hand: Mapping[int, Mapping[int, int]],
        warehouses: Warehouses,
    ) -> None:
        values = draft.record.values
        if values["quantity"] is CLEAR:
            draft.reject("quantity", "quantity-empty", _("Enter 0 for no stock. A quantity cannot be empty."))
            return
        if variant is not None and not variant.is_counted:
            draft.reject("quantity", "stock-not-tracked", _("The stock of %s is not tracked.") % variant.sku)
            return
        if variant is not None and variant.is_kit and values["quantity"] != 0:
            draft.reject("quantity", "kit-has-no-stock", kit_has_no_stock(variant.sku))
            return
        here = on_hand.get(variant.pk, {}) if variant is not None else {}
        warehouse = _warehouse_of(draft, here, warehouses)
        if draft.is_rejected:
            return
        pk = (
            warehouse.pk if warehouse is not None else None
        )  # None: the first warehouse, which is not made yet
        old, new = here.get(pk or 0, 0), int(values["quantity"])  # type: ignore[arg-type]
        if old == new:
            return
        label = "quantity"
        if warehouse is not None and len(warehouses.by_pk) > 1:
            label = _("quantity in %s") % warehouse.name
        draft.change(label, old if variant is not None else None, new)
        draft.data["stock"] = {"warehouse": pk, "old": old, "new": new}
        if new == 0:
            draft.flags.add(ZEROED)

    def allowed(self) -> Mapping[str, Sequence[str]]:
        """Return the names of the warehouses for the drop-down."""
        names = Warehouse.objects.filter(is_active=True).order_by("name").values_list("name", flat=True)
        return {"warehouse": list(names)}

    def fill(self, rows: Sequence[dict[str, Any]]) -> None:
        """Set warehouse and quantity of exported SKUs that have stock in one warehouse; the sheet of stock has all."""
        if self.is_whole_sheet:
            return
        on_hand = _on_hand(row["_variant"] for row in rows)
        names = dict(Warehouse.objects.values_list("pk", "name"))
        for row in rows:
            here = on_hand.get(row["_variant"], {})
            here = {pk: units for pk, units in here.items() if units} or here
            if len(here) == 1:
                (pk, units) = next(iter(here.items()))
                row["warehouse"], row["quantity"] = names[pk], units

    def verify(self, rows: Sequence[Any], session: Session, *, undo: bool) -> Mapping[int, str]:
        mine = [row for row in rows if "stock" in row.data and row.subject_id is not None]
        on_hand = _on_hand(row.subject_id for row in mine)
        refusals = {}
        first = main_warehouse().pk if any(row.data["stock"]["warehouse"] is None for row in mine) else 0
        for row in mine:
            one = row.data["stock"]
            now = on_hand.get(row.subject_id, {}).get(one["warehouse"] or first, 0)
            if now != one["new" if undo else "old"]:
                refusals[row.pk] = _("The stock was changed since: %d on hand now.") % now
        return refusals

    def apply(self, rows: Sequence[Any], session: Session) -> None:
        self._count(
            rows,
            session,
            lambda row, one: Adjustment(
                variant_id=row.subject_id,
                warehouse_id=one["warehouse"],
                set_to=one["new"],
                was=one["old"],
                kind=Kind.OPENING if row.action == "created" else Kind.COUNT,
                reason=session.reason,
                reference_kind="import",
                reference_id=session.import_id,
            ),
        )

    def undo(self, rows: Sequence[Any], session: Session) -> None:
        reason = _("Import undone: %s") % session.file_name
        self._count(
            rows,
            session,
            lambda row, one: Adjustment(
                variant_id=row.subject_id,
                warehouse_id=one["warehouse"],
                set_to=one["old"],
                was=one["new"],
                kind=Kind.COUNT,
                reason=reason[:200],
                reference_kind="import",
                reference_id=session.import_id,
            ),
        )

    @staticmethod
    def _count(
        rows: Sequence[Any], session: Session, make: Callable[[Any, Mapping[str, Any]], Adjustment]
    ) -> None:
        mine = [row for row in rows if "stock" in row.data]
        for row in mine:
            if row.data["stock"]["warehouse"] is None:
                row.data["stock"]["warehouse"] = main_warehouse().pk
        counts = [make(row, row.data["stock"]) for row in mine]
        try:
            if counts:
                adjust_many(counts, by=session.by)
        except StockError as error:
            raise RowsRefused(str(error)) from None


def _on_hand(variant_ids: Iterable[int]) -> dict[int, dict[int, int]]:
    """Return variant → warehouse → units on hand; one statement."""
    found: dict[int, dict[int, int]] = defaultdict(dict)
    ids = set(variant_ids)
    if ids:
        rows = StockItem.objects.filter(variant__in=among(ids)).order_by()
        for variant, warehouse, units in rows.values_list("variant", "warehouse", "on_hand"):
            found[variant][warehouse] = units
    return found


def _warehouse_of(draft: Draft, here: Mapping[int, int], warehouses: Warehouses) -> Warehouse | None:
    """Return the warehouse of a row, or reject it; None without a rejection where there is no warehouse yet.

    Without a name: the one chosen for the whole file, the only one that has the SKU, or the default of all stores.
    """
    name = str(draft.record.values.get("warehouse") or "").strip()
    if name:
        found = warehouses.named(name)
        if found is None:
            draft.reject("warehouse", "warehouse-unknown", _("There is no warehouse “%s”.") % name)
        return found
    if warehouses.chosen is not None:
        return warehouses.chosen
    having = [pk for pk, units in here.items() if units] or list(here)
    if len(having) == 1 and having[0] in warehouses.by_pk:
        return warehouses.by_pk[having[0]]
    if len(having) > 1:
        draft.reject(
            "warehouse",
            "warehouse-missing",
            _("The SKU has stock in several warehouses. Name one in the column Warehouse."),
        )
        return None
    if warehouses.default is None and warehouses.by_pk:
        draft.reject(
            "warehouse",
            "warehouse-missing",
            _(
                "There are several warehouses. Name one in the column Warehouse, or choose one for the whole file."
            ),
        )
    return warehouses.default
