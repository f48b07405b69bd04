"""The part of a sheet of prices that sets the first and the last day of a sale in one store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from catalogue.models import ListingVariant
from catalogue.services.bulk_edits import set_sale_days
from catalogue.services.selling_prices import sale_days
from catalogue.sheets.imports.lookup import is_given, known, wanted
from catalogue.sheets.imports.prices import listed_rows, stores_of
from oms.kit.imports.kinds import Draft, Session

FIELDS = ("selling_from", "selling_until")
Days = tuple[date | None, date | None]


def _text(days: Days) -> list[str | None]:
    return [None if day is None else day.isoformat() for day in days]


def _days(texts: Sequence[str | None]) -> Days:
    first, last = (None if text is None else date.fromisoformat(text) for text in texts)
    return first, last


class SaleDaysPart:
    """Sale days of SKUs in a store. A row without a store has no days: its remark says so."""

    name = "sale_days"

    def check(self, drafts: Sequence[Draft], session: Session) -> None:
        dated = [one for one in drafts if any(is_given(one.record.values, name) for name in FIELDS)]
        if not dated:
            return
        pairs = known(dated, session)
        stores = stores_of(session)
        listed = listed_rows(pairs, stores)
        for draft, variant in pairs:
            store = stores.get(str(draft.record.values.get("store") or "").strip().casefold())
            row = listed.get((store.pk, variant.pk)) if store is not None else None
            if row is None:
                column = next(name for name in FIELDS if is_given(draft.record.values, name))
                draft.warn(
                    column,
                    "sale-days-need-store",
                    _("Sale days are of one store: enter the store. The days were not used."),
                )
                continue
            self._compare(draft, row)

    @staticmethod
    def _compare(draft: Draft, row: ListingVariant) -> None:
        values, old = draft.record.values, sale_days(row)
        first = wanted(values, "selling_from") if is_given(values, "selling_from") else old[0]
        last = wanted(values, "selling_until") if is_given(values, "selling_until") else old[1]
        if first is not None and last is not None and last < first:
            draft.reject("selling_until", "dates-reversed", _("The sale ends before it starts."))
            return
        for name, before, after in zip(FIELDS, old, (first, last), strict=True):
            if before != after:
                draft.change(name, before, after)
        if old != (first, last):
            draft.data["sale_days"] = {"listed": row.pk, "old": _text(old), "new": _text((first, last))}

    def verify(self, rows: Sequence[Any], session: Session, *, undo: bool) -> Mapping[int, str]:
        planned = {row.pk: row.data["sale_days"] for row in rows if "sale_days" in row.data}
        locked = ListingVariant.objects.select_for_update(of=("self",), no_key=True)
        ids = {one["listed"] for one in planned.values()}
        found = locked.filter(pk__in=ids).select_related("connection").order_by("pk") if ids else ()
        listed = {row.pk: row for row in found}
        session.memory["dated"] = listed
        refusals = {}
        for pk, one in planned.items():
            now = listed.get(one["listed"])
            if now is None:
                refusals[pk] = _("The SKU does not exist any more.")
            elif sale_days(now) != _days(one["new" if undo else "old"]):
                refusals[pk] = _("The sale days were changed since.")
        return refusals

    def apply(self, rows: Sequence[Any], session: Session) -> None:
        self._write(rows, session, "new")

    def undo(self, rows: Sequence[Any], session: Session) -> None:
        self._write(rows, session, "old")

    @staticmethod
    def _write(rows: Sequence[Any], session: Session, which: str) -> None:
        days = {
            row.data["sale_days"]["listed"]: _days(row.data["sale_days"][which])
            for row in rows
            if "sale_days" in row.data
        }
        if days:
            listed: Mapping[int, ListingVariant] = session.memory["dated"]
            set_sale_days(days, {pk: listed[pk] for pk in days})
