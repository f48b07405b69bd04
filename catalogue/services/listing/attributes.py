"""The attributes that a listing may have in a category of a store, and the values with which its form begins."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.utils.translation import gettext as _

from catalogue.inbound.reference_data import save_attributes
from catalogue.models import Attribute, ListingDefaults, Product
from channels.contract.errors import ChannelError
from channels.contract.spec import Capability
from channels.models import Connection
from channels.stores import listing_setup

log = logging.getLogger(__name__)

ASKED_FOR = 3600  # seconds
FIELD = "listing"  # prefix of external ids of fields that every listing of a channel has


@dataclass(frozen=True, slots=True)
class ListingAttribute:
    """One attribute of a listing's form. `values` are the allowed ones, empty = any. `has_default`: the store's settings have a value."""

    name: str
    label: str
    is_required: bool = False
    values: tuple[str, ...] = ()
    help_text: str = ""
    has_default: bool = False

    def spelled(self, value: str) -> str:
        """Return the value in the spelling of the allowed one, if it is one."""
        wanted = value.strip()
        return next((one for one in self.values if one.casefold() == wanted.casefold()), wanted)

    def refuses(self, value: str) -> bool:
        """Whether the value is not allowed; several values are separated by commas."""
        allowed = {one.casefold() for one in self.values}
        if not allowed or value.strip().casefold() in allowed:
            return False
        return any(part.strip().casefold() not in allowed for part in value.split(","))


def attributes_of(connection: Connection, category_external_ids: Sequence[str]) -> list[ListingAttribute]:
    """Return the attributes of a listing in its first category: required ones first, then by name.

    Where attributes do not depend on the category, they are all attributes of the store. One statement.
    """
    rules = connection.spec.listing_rules
    rows = list(Attribute.objects.filter(connection=connection).order_by("name", "pk"))
    by_id = {row.external_id: row for row in rows}
    found = []
    for field in rules.fields:
        imported = by_id.get(f"{FIELD}:{field.name}")
        has_default = bool(field.setting and str(connection.option(field.setting) or "").strip())
        found.append(
            ListingAttribute(
                field.name,
                str(field.label),
                field.is_required,
                tuple(field.values) or tuple(imported.values if imported else ()),
                _("Empty: as set in the store's settings.") if has_default else str(field.help_text),
                has_default,
            )
        )
    if rules.by_category:
        start = f"{category_external_ids[0]}:" if category_external_ids else "-"
        rows = [row for row in rows if row.external_id.startswith(start)]
    names: set[str] = {each.name.casefold() for each in found}
    for row in rows:
        if row.name.casefold() not in names and not row.external_id.startswith(f"{FIELD}:"):
            names.add(row.name.casefold())
            found.append(ListingAttribute(row.name, row.name, row.is_required, tuple(row.values)))
    return sorted(found, key=lambda each: not each.is_required)


def import_attributes(connection: Connection, category_external_id: str) -> str:
    """Read the attributes of this category from the channel now, unless they are known; return why that failed, or "".

    Nothing is read where attributes do not depend on the category.
    """
    spec = connection.spec
    if not category_external_id or not spec.listing_rules.by_category:
        return ""
    known = Attribute.objects.filter(
        connection=connection, external_id__startswith=f"{category_external_id}:"
    )
    asked = f"listing-attributes:{connection.pk}:{category_external_id}"
    if known.exists() or cache.get(asked) or not spec.supports(Capability.PULL_ATTRIBUTES):
        return ""
    try:
        records = listing_setup.category_attributes(connection, category_external_id)
    except ChannelError as error:
        log.info("attributes of %s: %s", connection, error.message)
        return error.message
    save_attributes(connection, records)
    cache.set(asked, True, ASKED_FOR)  # a category without attributes is not asked for each form
    return ""


def prefilled(
    product: Product,
    connection: Connection,
    category_external_ids: Sequence[str],
    attributes: Sequence[ListingAttribute],
    own: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the values with which the form of a listing begins, by the attribute's name.

    In this order: the listing's `own`, the product's attribute of the same name, an option that all its SKUs share, the
    last value in this category of the store, the only allowed value of a required attribute.
    """
    own = own or {}
    category = next(iter(category_external_ids), "")
    sources = [_by_name(own), _by_name(product.attributes), _by_name(_shared_options(product))]
    sources.append(_by_name(remembered(connection, category)))
    found: dict[str, str] = {}
    for each in attributes:
        value = next(
            (source[each.name.casefold()] for source in sources if each.name.casefold() in source), ""
        )
        if not value and each.is_required and not each.has_default and len(each.values) == 1:
            value = each.values[0]
        if value and not (each.refuses(value) and each.name not in own):
            found[each.name] = each.spelled(value)
    return found


def remembered(connection: Connection, category_external_id: str) -> dict[str, str]:
    """Return the attributes of the last listing in this category of the store."""
    rows = ListingDefaults.objects.filter(
        connection=connection, category_external_id=category_external_id
    ).values_list("attributes", flat=True)
    return dict(rows.first() or {})


def remember(
    connection: Connection, category_external_id: str, attributes: Mapping[str, str], product: Product | None
) -> None:
    """Remember these values for the next listing in this category, without those that the product itself has."""
    own = {name.casefold() for name in product.attributes} if product is not None else set()
    values = {name: value for name, value in attributes.items() if value and name.casefold() not in own}
    ListingDefaults.objects.update_or_create(
        connection=connection,
        category_external_id=category_external_id,
        defaults={"attributes": values},
    )


def _by_name(values: Mapping[str, Any]) -> dict[str, str]:
    return {name.casefold(): str(value).strip() for name, value in values.items() if str(value).strip()}


def _shared_options(product: Product) -> dict[str, str]:
    rows = list(product.variants.current().values_list("options", flat=True))
    first = rows[0] if rows else {}
    return {name: value for name, value in first.items() if all(row.get(name) == value for row in rows)}
