"""The sheet that maps the SKUs of stores to Manifold's SKUs (R-CAT-04), one row for each mapping."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalogue.errors import CatalogueError
from catalogue.models import ListingVariant, SkuAlias, Variant, sku_key
from catalogue.services.sku_mapping import map_sku, unmap_sku
from catalogue.sheets.imports.lookup import known
from catalogue.sheets.imports.prices import stores_of
from catalogue.sheets.products import SKU
from channels.models import Connection
from oms.kit.imports.kinds import Draft, RowsRefused, Session
from oms.kit.sheets.fields import FieldType, SheetField, SheetKind

STORE_SKU = SheetField(
    "store_sku",
    gettext_lazy("SKU in store"),
    FieldType.CODE,
    required=True,
    max_length=255,
    example="SHOP-MUG-1",
    synonyms=("store sku", "channel sku", "linked sku", "alias", "external sku", "sku boutique"),
    help=gettext_lazy("The SKU that the store or its orders use."),
)
STORE = SheetField(
    "store",
    gettext_lazy("Store"),
    max_length=200,
    synonyms=("shop", "store name", "source", "boutique", "magasin"),
    help=gettext_lazy("The name of the store. Blank: the SKU is mapped for all stores."),
)
SKU_MAPPINGS = SheetKind(
    "sku-mappings", gettext_lazy("SKU mappings"), (STORE_SKU, SKU, STORE), identity=("store_sku", "store")
)
Place = tuple[int | None, str]  # store id, key of the SKU


class MappingPart:
    """Mappings of SKUs. A SKU that is mapped to another variant is mapped to the one of the row."""

    name = "mapping"

    def check(self, drafts: Sequence[Draft], session: Session) -> None:
        pairs, stores = known(drafts, session), stores_of(session)
        keys = {sku_key(str(draft.record.values.get("store_sku") or "")) for draft in drafts} - {""}
        now = _mapped(keys)
        own = {row.sku_key: row for row in Variant.objects.by_key(keys)}
        listed = {
            (row.connection_id, row.sku_key): row
            for row in ListingVariant.objects.filter(sku_key__in=keys).select_related("variant")
        }
        for draft, variant in pairs:
            store_sku = str(draft.record.values.get("store_sku") or "").strip()
            key, name = sku_key(store_sku), str(draft.record.values.get("store") or "").strip()
            draft.name = store_sku
            store = stores.get(name.casefold())
            if not key:
                draft.reject("store_sku", "sku-empty", _("Enter a SKU."))
            elif name and store is None:
                draft.reject("store", "store-unknown", _("There is no store “%s”.") % name)
            elif reason := _fault(variant, store, key, own, listed):
                draft.reject("store_sku", "mapping-impossible", reason)
            else:
                self._compare(draft, variant, (store.pk if store is not None else None, key), now)

    @staticmethod
    def _compare(draft: Draft, variant: Variant, place: Place, now: Mapping[Place, SkuAlias]) -> None:
        alias = now.get(place)
        if alias is not None and alias.variant_id == variant.pk:
            return
        if alias is None and place[0] is None and place[1] == variant.sku_key:
            return  # it is the SKU of the variant itself
        draft.is_new = alias is None
        draft.change("sku", alias.variant.sku if alias is not None else None, variant.sku)
        draft.data["mapping"] = {
            "store": place[0],
            "key": place[1],
            "sku": draft.name,
            "old": alias.variant_id if alias is not None else None,
            "new": variant.pk,
        }

    def verify(self, rows: Sequence[Any], session: Session, *, undo: bool) -> Mapping[int, str]:
        mine = [row for row in rows if "mapping" in row.data]
        now = _mapped({row.data["mapping"]["key"] for row in mine})
        refusals = {}
        for row in mine:
            one = row.data["mapping"]
            alias = now.get((one["store"], one["key"]))
            found = alias.variant_id if alias is not None else None
            if found != one["new" if undo else "old"]:
                refusals[row.pk] = _("The SKU was mapped or unmapped by somebody else since.")
        return refusals

    def apply(self, rows: Sequence[Any], session: Session) -> None:
        self._write(rows, session, "new")

    def undo(self, rows: Sequence[Any], session: Session) -> None:
        self._write(rows, session, "old")

    @staticmethod
    def _write(rows: Sequence[Any], session: Session, which: str) -> None:
        mine = [row.data["mapping"] for row in rows if "mapping" in row.data]
        variants = Variant.objects.in_bulk({one[which] for one in mine if one[which] is not None})
        stores = Connection.objects.in_bulk({one["store"] for one in mine if one["store"] is not None})
        try:
            for one in mine:
                store = stores[one["store"]] if one["store"] is not None else None
                if one[which] is None:
                    unmap_sku(store, one["sku"], by=session.by)
                else:
                    map_sku(store, one["sku"], variants[one[which]], session.by)
        except (CatalogueError, KeyError) as error:
            raise RowsRefused(str(error)) from None


def _mapped(keys: Iterable[str]) -> dict[Place, SkuAlias]:
    rows = SkuAlias.objects.filter(sku_key__in=list(keys)).select_related("variant")
    return {(row.connection_id, row.sku_key): row for row in rows}


def _fault(
    variant: Variant,
    store: Connection | None,
    key: str,
    own: Mapping[str, Variant],
    listed: Mapping[tuple[int, str], ListingVariant],
) -> str:
    """Return why this SKU cannot be mapped to the variant, as `services.sku_mapping.map_sku` would say; "" when it can."""
    if store is None:
        other = own.get(key)
        if other is not None and other.pk != variant.pk:
            return _("“%s” is the SKU of another product. Map it for one store only.") % other.sku
        return ""
    row = listed.get((store.pk, key))
    if row is not None and row.variant_id != variant.pk:
        return _("“%(sku)s” is listed in %(store)s as %(other)s. Merge the two products instead.") % {
            "sku": row.external_sku,
            "store": store.name,
            "other": row.variant.sku,
        }
    return ""


def rows() -> Iterator[dict[str, Any]]:
    """Yield every mapping as the sheet has it."""
    found = SkuAlias.objects.order_by("pk").values_list("sku", "variant__sku", "connection__name")
    for store_sku, sku, store in found.iterator(chunk_size=5_000):
        yield {"store_sku": store_sku, "sku": sku, "store": store or ""}
