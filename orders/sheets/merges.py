"""The sheet that merges SKUs: each row names a SKU and the SKU into which it is merged (R-CAT-04)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalogue.errors import CatalogueError
from catalogue.models import SkuMerge, Variant, sku_key
from catalogue.services.merging import last_merge
from catalogue.sku_resolution import variants_with_skus
from inventory.errors import StockError
from oms.kit.imports import kinds
from oms.kit.imports.kinds import Draft, RowsRefused, Session
from oms.kit.sheets.fields import FieldType, SheetField, SheetKind
from orders.services.stock import sku_merging

INTO = SheetField(
    "into",
    gettext_lazy("Merge into"),
    FieldType.CODE,
    required=True,
    max_length=255,
    synonyms=("master sku", "merged into", "sku master"),
    help=gettext_lazy("The SKU that stays. It gets the stock, the listings and the orders of the other one."),
    example="MUG-RED",
)
SKU = SheetField(
    "sku",
    gettext_lazy("SKU"),
    FieldType.CODE,
    required=True,
    max_length=255,
    help=gettext_lazy("The SKU that becomes another one."),
    example="MUG-RED-OLD",
)
MERGES = SheetKind("sku-merges", gettext_lazy("SKU merges"), (SKU, INTO))


class MergePart:
    """Merges SKUs one by one, by the same rules as the page does."""

    name = "merge"

    def check(self, drafts: Sequence[Draft], session: Session) -> None:
        names = [str(draft.record.values.get(key) or "") for draft in drafts for key in ("sku", "into")]
        found = variants_with_skus({sku_key(name) for name in names} - {""})
        own = {row.sku_key: row for row in Variant.objects.by_key([sku_key(name) for name in names if name])}
        for draft in drafts:
            sku, into = (str(draft.record.values.get(key) or "") for key in ("sku", "into"))
            draft.name = sku
            source, target = own.get(sku_key(sku)), found.get(sku_key(into))
            for key, name, row in (("sku", sku, source), ("into", into, target)):
                if row is None:
                    draft.reject(key, "sku-unknown", _("Manifold does not have the SKU “%s”.") % name)
            if source is None or target is None:
                continue
            draft.subject_id = source.pk
            if source.merged_into_id == target.pk:
                continue  # the same file again changes nothing
            try:
                sku_merging.preview(source, target)
            except CatalogueError as error:
                draft.reject("into", "merge-impossible", error)
                continue
            draft.change("into", "", target.sku)
            draft.data[self.name] = {"target": target.pk}

    def verify(self, rows: Sequence[Any], session: Session, *, undo: bool) -> Mapping[int, str]:
        ids = {row.subject_id for row in rows if self.name in row.data}
        merged = dict(Variant.objects.filter(pk__in=ids).values_list("pk", "merged_into"))
        refusals = {}
        for row in rows:
            if self.name not in row.data:
                continue
            wanted = row.data[self.name]["target"] if undo else None
            if merged.get(row.subject_id, 0) != wanted:
                refusals[row.pk] = _("The SKU was merged or unmerged since.")
        return refusals

    def apply(self, rows: Sequence[Any], session: Session) -> None:
        for row in self._mine(rows):
            source = Variant.objects.get(pk=row.subject_id)
            target = Variant.objects.get(pk=row.data[self.name]["target"])
            try:
                sku_merging.merge(source, target, by=session.by)
            except (CatalogueError, StockError) as error:
                raise RowsRefused(str(error)) from None

    def undo(self, rows: Sequence[Any], session: Session) -> None:
        for row in reversed(self._mine(rows)):
            found = last_merge(Variant.objects.get(pk=row.subject_id))
            if found is None:
                raise RowsRefused(_("The SKU was merged or unmerged since."))
            try:
                sku_merging.unmerge(found, by=session.by)
            except (CatalogueError, StockError) as error:
                raise RowsRefused(str(error)) from None

    def _mine(self, rows: Sequence[Any]) -> list[Any]:
        return [row for row in rows if self.name in row.data]


def rows() -> Iterator[dict[str, Any]]:
    """Yield the merged SKUs with the SKU that stays."""
    found = SkuMerge.objects.filter(undone_at=None).order_by("pk").values_list("source__sku", "target__sku")
    for sku, into in found.iterator(chunk_size=5_000):
        yield {"sku": sku, "into": into}


def register() -> None:
    """Register the kind of import and export."""
    kinds.register(
        kinds.ImportKind(
            sheet=MERGES,
            permissions=("catalogue.add_skumerge",),
            export_permission="catalogue.export_variant",
            parts=[MergePart()],
            export=rows,
            export_count=lambda: SkuMerge.objects.filter(undone_at=None).count(),
            help=gettext_lazy(
                "SKUs that are one product: stock, listings and orders move to the SKU that stays."
            ),
        )
    )
