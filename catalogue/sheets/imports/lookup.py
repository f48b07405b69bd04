"""Find the variants of the SKUs of a chunk, by Manifold's SKUs and by mapped SKUs."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from catalogue.models import SkuAlias, Variant, sku_key
from catalogue.pricing import typed_amount
from oms.kit.bulk import among
from oms.kit.imports.kinds import PRICE_HALVED, Draft, Session
from oms.kit.sheets.records import CLEAR, Value


def variants_of(drafts: Sequence[Draft], session: Session) -> dict[str, Variant]:
    """Return key of a SKU → variant with its product and brand, for the SKUs of these rows; two statements.

    A SKU that is mapped for all stores, as a merged one is, finds its variant too. The rows are remembered for the later parts of the chunk.
    """
    keys = {sku_key(str(draft.record.values.get("sku") or "")) for draft in drafts} - {""}
    memory: tuple[set[str], dict[str, Variant]] | None = session.memory.get("variants")
    if memory is not None and keys <= memory[0]:
        return memory[1]
    rows = Variant.objects.current().by_key(keys).select_related("product__brand").defer("search_text")
    found = {row.sku_key: row for row in rows}
    if missing := keys - found.keys():
        aliases = dict(
            SkuAlias.objects.filter(connection=None, sku_key__in=missing).values_list("sku_key", "variant")
        )
        mapped = Variant.objects.filter(pk__in=among(set(aliases.values()))).select_related("product__brand")
        by_pk = {row.pk: row for row in mapped} if aliases else {}
        found |= {key: by_pk[pk] for key, pk in aliases.items() if pk in by_pk}
    session.memory["variants"] = (keys, found)
    return found


def key_of(draft: Draft) -> str:
    """Return the key of the row's SKU; "" when the cell is blank."""
    return sku_key(str(draft.record.values.get("sku") or ""))


def known(drafts: Sequence[Draft], session: Session) -> list[tuple[Draft, Variant]]:
    """Return the rows whose SKU Manifold has; the others are rejected."""
    found, pairs = variants_of(drafts, session), []
    for draft in drafts:
        draft.name = str(draft.record.values.get("sku") or "")
        variant = found.get(key_of(draft))
        if variant is None:
            draft.reject("sku", "sku-unknown", _("Manifold does not have the SKU “%s”.") % draft.name)
            continue
        draft.subject_id = variant.pk
        pairs.append((draft, variant))
    return pairs


def wanted(values: Any, name: str, empty: Any = None) -> Any:
    """Return the value that a cell asks for; `empty` for the word that clears it. Only for cells that are not blank."""
    value: Value = values[name]
    return empty if value is CLEAR else value


def is_given(values: Any, name: str) -> bool:
    """Whether the row has a cell for a field, and it is not blank."""
    return values.get(name) is not None


def flag_price(draft: Draft, old: Decimal | None, new: Decimal | None) -> None:
    """Mark a price that changes by more than half: it needs a second yes."""
    if old and new is not None and abs(new - old) * 2 > old:
        draft.flags.add(PRICE_HALVED)
        draft.warn(
            "price",
            "price-large-change",
            _("The price changes by more than half: %(old)s → %(new)s.")
            % {"old": typed_amount(old), "new": typed_amount(new)},
        )
