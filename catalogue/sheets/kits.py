"""The fields of a sheet of kits: one row for each component."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from oms.kit.sheets.cells.results import say
from oms.kit.sheets.fields import FieldType, Report, SheetField, SheetKind
from oms.kit.sheets.formats import KnownFormat
from oms.kit.sheets.records import SheetRecord
from oms.kit.sheets.rows import same

FIELDS = (
    SheetField(
        "kit", gettext_lazy("Kit SKU"), FieldType.CODE, required=True, max_length=255, example="GIFT-1",
        synonyms=("kit", "parent sku", "bundle sku", "bundle", "composite sku", "set sku", "sku kit", "kit code", "sku du lot", "lot"),
        help=gettext_lazy("The SKU that is sold. It has one row for each component."),
    ),
    SheetField(
        "component", gettext_lazy("Component SKU"), FieldType.CODE, required=True, max_length=255, example="MUG-BLU",
        synonyms=("component", "child sku", "item sku", "sku", "component code", "sku composant", "composant"),
        help=gettext_lazy("A SKU that the kit is made of."),
    ),
    SheetField(
        "quantity", gettext_lazy("Quantity"), FieldType.QUANTITY, required=True, example="2",
        synonyms=("qty", "units per bundle", "units per kit", "quantity per kit", "component quantity", "component qty", "quantité", "qté"),
        help=gettext_lazy("Units of the component in one kit, at least 1."),
    ),
)  # fmt: skip

_DUPLICATE = "duplicate-in-file"


def assemble(records: Iterable[SheetRecord], report: Report) -> Iterator[SheetRecord]:
    """Join the rows of each kit: `kit` and `components` (SKU → units).

    A kit with a row that was refused comes back whole, for it would be stored short; so does one that contains itself.
    """
    kits: dict[str, list[SheetRecord]] = {}
    for record in records:
        if record.values["quantity"] == 0:
            reason = _("A kit needs at least one unit of each component.")
            report.refuse(record.row, "quantity", "quantity-not-positive", reason)
        kits.setdefault(same(record.values["kit"]), []).append(record)
    short = _short_kits(report)
    circles = _in_circles(kits)
    for key, rows in kits.items():
        zero = any(row.values["quantity"] == 0 for row in rows)
        if key in circles:
            for row in rows:
                reason = say(
                    _("%(kit)s contains itself, directly or through another kit of the file."),
                    kit=str(row.values["kit"]),
                )
                report.refuse(row.row, "component", "kit-cycle", reason)
        elif key in short or zero:
            for row in rows:
                if row.values["quantity"] != 0:
                    reason = say(
                        _("Another row of %(kit)s is refused: the kit would be stored short."),
                        kit=str(row.values["kit"]),
                    )
                    report.refuse(row.row, "", "kit-incomplete", reason)
        else:
            yield _joined(rows)


def _short_kits(report: Report) -> set[str]:
    """Return the kits with a refused row. A component that is there twice does not make a kit short."""
    return {
        same(refused.values.get("kit"))
        for refused in report.refused_rows()
        if refused.values.get("kit") is not None and refused.codes != {_DUPLICATE}
    }


def _joined(rows: list[SheetRecord]) -> SheetRecord:
    first = rows[0]
    components: dict[str, int] = {}
    for row in rows:
        quantity = row.values["quantity"]
        assert isinstance(quantity, int)
        components[str(row.values["component"])] = quantity
    return replace(
        first,
        values={"kit": first.values["kit"], "components": components},
        warnings=tuple(warning for row in rows for warning in row.warnings),
        rows=tuple(row.row for row in rows),
    )


def _in_circles(kits: Mapping[str, list[SheetRecord]]) -> set[str]:
    """Return the kits of the file that contain themselves, by any number of steps."""
    inside = {key: {same(row.values["component"]) for row in rows} & set(kits) for key, rows in kits.items()}
    found = set()
    for start in inside:
        waiting, seen = list(inside[start]), set()
        while waiting:
            key = waiting.pop()
            if key == start:
                found.add(start)
                break
            if key not in seen:
                seen.add(key)
                waiting.extend(inside[key])
    return found


KITS = SheetKind("kits", gettext_lazy("Kits"), FIELDS, identity=("kit", "component"), assemble=assemble)

COMPOSITION = KnownFormat(
    "kit composition",
    gettext_lazy("Kit composition"),
    "kits",
    ("Parent SKU", "Child SKU", "Quantity"),
    columns={"Parent SKU": "kit", "Child SKU": "component", "Quantity": "quantity"},
)
FORMATS = (COMPOSITION,)
