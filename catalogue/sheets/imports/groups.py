"""New SKUs of a sheet: which belong to one product, and whether their options make a group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from catalogue.models import Product, Variant, sku_key
from catalogue.sheets.imports.lookup import key_of
from oms.kit.imports.kinds import Draft
from oms.kit.sheets.records import CLEAR, SheetRecord


def group_of(record: SheetRecord) -> str | None:
    """Return what the rows of one group have in common; None for a row without a group."""
    value = record.values.get("group")
    return sku_key(value) or None if isinstance(value, str) else None


def options_of(draft: Draft) -> dict[str, str]:
    """Return the options of a row: option name → value."""
    value = draft.record.values.get("options")
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, Mapping) else {}


class NewSkus:
    """The new SKUs of one chunk. `settle` decides the product of each row, or rejects it."""

    def __init__(self, drafts: Sequence[Draft], known: Mapping[str, Variant]) -> None:
        self.known = known
        self.new = [draft for draft in drafts if key_of(draft) not in known]
        self.rows: dict[str, list[Draft]] = defaultdict(list)
        for draft in drafts:
            if group := group_of(draft.record):
                self.rows[group].append(draft)

    def settle(self) -> None:
        """Set `data["product"]` of every new row: its group, title, options, and the product that it is added to."""
        groups: dict[Any, list[Draft]] = defaultdict(list)
        for draft in self.new:
            groups[group_of(draft.record) or draft.record.row].append(draft)
        keys = {key for key in groups if isinstance(key, str)} - self.known.keys()
        named = {row.sku_key: row for row in Variant.objects.by_key(keys)} if keys else {}
        joined = {
            key: found
            for key, drafts in groups.items()
            if isinstance(key, str) and (found := self._product_of(key, drafts, named)) is not None
        }
        products = {
            row.pk: row for row in Product.objects.filter(pk__in=joined.values()).prefetch_related("variants")
        }
        for key, drafts in groups.items():
            product = products.get(joined[key]) if key in joined else None
            self._settle_group(str(key) if isinstance(key, str) else "", drafts, product)

    def _product_of(self, group: str, drafts: Sequence[Draft], named: Mapping[str, Variant]) -> int | None:
        """Return the product that the known rows of the group belong to, or the SKU that the group is named after."""
        found = {self.known[key].product_id for row in self.rows[group] if (key := key_of(row)) in self.known}
        if len(found) > 1:
            for draft in drafts:
                draft.reject(
                    "group",
                    "group-of-several-products",
                    _("The SKUs of group “%s” belong to several products. Use one group for each product.")
                    % draft.record.values.get("group"),
                )
            return None
        first = named.get(group) or self.known.get(group)
        return found.pop() if found else first.product_id if first is not None else None

    def _settle_group(self, group: str, drafts: Sequence[Draft], product: Product | None) -> None:
        good = [draft for draft in drafts if not draft.is_rejected]
        title = product.title if product is not None else self._title_of(group, good)
        if product is not None and product.kind == Product.Kind.SINGLE:
            for draft in good:
                draft.reject(
                    "group",
                    "group-is-single",
                    _("“%s” is a single product: no variant can be added to it.") % product.title,
                )
            return
        names = list(product.option_names) if product is not None else []
        taken = (
            {tuple(row.options.values()) for row in product.variants.all()} if product is not None else set()
        )
        is_group = (
            product is not None or len(good) > 1 or (any(options_of(one) for one in good) and bool(group))
        )
        for draft in good:
            options = options_of(draft)
            if not title:
                draft.reject("title", "title-missing", _("A new product needs a title."))
                continue
            if is_group:
                names = names or list(options)
                if not options or sorted(options) != sorted(names):
                    draft.reject(
                        "options",
                        "options-missing",
                        _(
                            "Each variant of a group needs a value for the same options, for example Size and Colour."
                        ),
                    )
                    continue
                values = tuple(options[name] for name in names)
                if values in taken:
                    draft.reject(
                        "options", "options-twice", _("Another variant of the group has the same options.")
                    )
                    continue
                taken.add(values)
            draft.is_new = True
            draft.data["together"] = group or None
            draft.data["product"] = {
                "title": title[:300],
                "is_group": is_group,
                "options": {name: options[name] for name in names} if is_group else {},
                "existing": product.pk if product is not None else None,
            }

    def _title_of(self, group: str, drafts: Sequence[Draft]) -> str:
        for draft in self.rows[group] if group else drafts:
            value = draft.record.values.get("title")
            if value and value is not CLEAR:
                return str(value).strip()
        return ""
