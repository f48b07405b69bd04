"""The options of a product, such as Size and Colour, and the SKUs that are made from their values (R-CAT-05)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from catalogue import callbacks, search_text
from catalogue.errors import CatalogueError
from catalogue.inbound.matching import lock_new_skus
from catalogue.models import Listing, ListingVariant, Product, SkuAlias, Variant, sku_key
from catalogue.services.products import checked_sku
from oms.kit.authors import audit
from oms.kit.bulk import set_to

MOST_OPTIONS = 3
MOST_VALUES = 100  # of one option
MOST_NEW = 200  # SKUs that are made at a time
#: What a new SKU takes over from the first SKU of the product.
COPIED = (
    "price",
    "selling_price",
    "currency",
    "cost",
    "weight_grams",
    "length_mm",
    "width_mm",
    "height_mm",
    "is_counted",
)


@dataclass(frozen=True, slots=True)
class Planned:
    """A SKU that could be made; `problem` says why its name cannot be used, "" where it can."""

    sku: str
    options: Mapping[str, str]
    problem: str = ""


def read_options(text: str) -> dict[str, list[str]]:
    """Return options as typed, one per line: "Size: S, M, L". Raise `CatalogueError` for a line without name or values."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        name, colon, rest = line.partition(":")
        name = " ".join(name.split())
        values = list(dict.fromkeys(" ".join(value.split()) for value in rest.split(",") if value.strip()))
        if not name or not colon or not values:
            raise CatalogueError(
                _("“%s” is no option. Enter a name and its values, for example Size: S, M, L.") % line.strip()
            )
        if len(name) > 50 or any(len(value) > 100 for value in values) or len(values) > MOST_VALUES:
            raise CatalogueError(
                _("The option “%s” is too long: 50 characters, and 100 values of 100 characters each.")
                % name[:50]
            )
        if name.casefold() in {other.casefold() for other in found}:
            raise CatalogueError(_("The option “%s” is there twice.") % name)
        found[name] = values
    if len(found) > MOST_OPTIONS:
        raise CatalogueError(_("A product has at most %d options.") % MOST_OPTIONS)
    return found


def options_of(product: Product) -> dict[str, list[str]]:
    """Return the options with their values in order: those that were set, then others that the SKUs have."""
    found = {name: list(product.option_values.get(name, ())) for name in product.option_names}
    for variant in product.variants.current().order_by("position", "pk"):
        for name, values in found.items():
            value = variant.options.get(name)
            if value and value not in values:
                values.append(str(value))
    return found


def typed_options(options: Mapping[str, Sequence[str]]) -> str:
    """Return options as a person types them."""
    return "\n".join(f"{name}: {', '.join(values)}" for name, values in options.items())


@transaction.atomic
def set_options(product: Product, options: Mapping[str, Sequence[str]]) -> Product:
    """Set the options of a product, their values and the order of both; its SKUs are ordered by them. Return the saved row.

    A new option gives its first value to the SKUs that exist. An option or a value that SKUs need cannot be removed. Raise
    `CatalogueError` with the SKU that is in the way; nothing is saved then.
    """
    row = Product.objects.select_for_update(of=("self",)).get(pk=product.pk)
    variants = list(row.variants.current().order_by("position", "pk"))
    if not options and len(variants) > 1:
        raise CatalogueError(_("A group needs at least one option, for example Size: S, M."))
    wanted: dict[int, dict[str, str]] = {}
    for variant in variants:
        had = {str(name).casefold(): str(value) for name, value in variant.options.items()}
        new = {}
        for name, values in options.items():
            by_key = {value.casefold(): value for value in values}
            now = had.get(name.casefold())
            if now is not None and now.casefold() not in by_key:
                raise CatalogueError(
                    _("%(sku)s has the value “%(value)s” of %(option)s. Remove that SKU first.")
                    % {"sku": variant.sku, "value": now, "option": name}
                )
            new[name] = values[0] if now is None else by_key[now.casefold()]
        wanted[variant.pk] = new
    owners: dict[tuple[str, ...], str] = {}
    for variant in variants:
        key = tuple(wanted[variant.pk].values())
        if key in owners:
            raise CatalogueError(
                _("%(one)s and %(other)s would have the same options. Keep an option in which they differ.")
                % {"one": owners[key], "other": variant.sku}
            )
        owners[key] = variant.sku
    before = {"options": typed_options(options_of(row)), "skus": ", ".join(one.sku for one in variants)}
    row.option_names = list(options)
    row.option_values = {name: list(values) for name, values in options.items()}
    row.save(update_fields=["option_names", "option_values", "updated_at"])
    order = sorted(variants, key=lambda one: _place(options, wanted[one.pk], one.position))
    places = {one.pk: place for place, one in enumerate(order)}
    changed = {one.pk for one in variants if one.options != wanted[one.pk]}
    set_to(Variant, ("options", "position"), {pk: (wanted[pk], place) for pk, place in places.items()})
    after = {"options": typed_options(options), "skus": ", ".join(one.sku for one in order)}
    if edited := audit.difference(before, after):
        audit.record("product.options", row, edited)
    if changed:
        search_text.refresh_after(variants=sorted(changed))
    return row


def _place(options: Mapping[str, Sequence[str]], values: Mapping[str, str], position: int) -> tuple[int, ...]:
    return (*(list(options[name]).index(values[name]) for name in options), position)


def missing(product: Product) -> list[dict[str, str]]:
    """Return the combinations of option values that no SKU has, in their order."""
    options = options_of(product)
    if not options:
        return []
    have = {
        tuple(str(variant.options.get(name, "")) for name in options)
        for variant in product.variants.current()
    }
    combinations = itertools.islice(itertools.product(*options.values()), MOST_VALUES * MOST_NEW)
    return [dict(zip(options, values, strict=True)) for values in combinations if values not in have]


def usual_pattern(product: Product) -> str:
    """Return a pattern for new SKUs: what the SKUs have in common, then each option."""
    skus = list(product.variants.current().order_by("position", "pk").values_list("sku", flat=True))
    first = skus[0] if skus else "SKU"
    common = (
        first
        if len(skus) < 2
        else "".join(
            one
            for one, *_rest in itertools.takewhile(
                lambda letters: len(set(letters)) == 1, zip(*skus, strict=False)
            )
        )
    )
    names = "-".join(f"{{{name}}}" for name in product.option_names)
    return f"{common.rstrip('-_ ./') or first}-{names}" if names else first


def plan(product: Product, pattern: str) -> list[Planned]:
    """Return the SKUs that `generate` would make, at most `MOST_NEW`; "{Size}" in the pattern is the value of that option.

    Of a value its letters and digits are used, in capitals. Raise `CatalogueError` for a pattern without an option.
    """
    combinations = missing(product)[:MOST_NEW]
    if combinations and not any(f"{{{name}}}" in pattern for name in product.option_names):
        raise CatalogueError(_("Put the options into the pattern, for example %s.") % usual_pattern(product))
    skus = []
    for options in combinations:
        sku = pattern.strip()
        for name, value in options.items():
            sku = sku.replace(f"{{{name}}}", "".join(letter for letter in value if letter.isalnum()).upper())
        skus.append(sku)
    keys = [sku_key(sku) for sku in skus]
    taken = set(Variant.objects.filter(sku_key__in=keys).values_list("sku_key", flat=True))
    taken |= set(SkuAlias.objects.filter(connection=None, sku_key__in=keys).values_list("sku_key", flat=True))
    found = []
    for place, (sku, key, options) in enumerate(zip(skus, keys, combinations, strict=True)):
        problem = ""
        if key in taken:
            problem = _("This SKU is taken.")
        elif key in keys[:place]:
            problem = _("Another line has this SKU.")
        elif not key or len(sku) > 120 or len(key) > 120:
            problem = _("A SKU has 1 to 120 characters.")
        found.append(Planned(sku, options, problem))
    return found


@transaction.atomic
def generate(product: Product, pattern: str) -> list[Variant]:
    """Make the missing SKUs of a product (`plan`); they take over the figures of its first SKU. Return them.

    Stores that list the product do not list the new SKUs by themselves. Raise `CatalogueError` when one of the SKUs cannot
    be used; none is made then.
    """
    lock_new_skus()
    row = Product.objects.select_for_update(of=("self",)).get(pk=product.pk)
    planned = plan(row, pattern)
    if not planned:
        raise CatalogueError(_("Every combination of the options has a SKU."))
    if wrong := next((one for one in planned if one.problem), None):
        advice = _("Change the pattern.")
        raise CatalogueError(f"{wrong.sku}: {wrong.problem} {advice}")
    variants = list(row.variants.current().order_by("position", "pk"))
    first = variants[0] if variants else Variant()
    made = Variant.objects.bulk_create(
        Variant(
            product=row,
            sku=checked_sku(one.sku),
            sku_key=sku_key(one.sku),
            options=dict(one.options),
            position=len(variants) + place,
            **{name: getattr(first, name) for name in COPIED},
        )
        for place, one in enumerate(planned)
    )
    if len(variants) + len(made) > 1 and row.kind != Product.Kind.GROUP:
        row.kind = Product.Kind.GROUP
        row.save(update_fields=["kind", "updated_at"])
    audit.record("product.skus_made", row, {"sku": (None, ", ".join(one.sku for one in made))})
    search_text.refresh_after(variants=[one.pk for one in made])
    set_options(row, options_of(row))
    callbacks.call_mapped(None, [one.sku_key for one in made])
    return made


@transaction.atomic
def remove_variant(variant: Variant) -> None:
    """Delete a SKU that nothing needs: no stock, no movements, no orders, and no store lists it.

    Raise `CatalogueError` with what is in the way; such a SKU can be stopped, or released from its group.
    """
    product = Product.objects.select_for_update(of=("self",)).get(pk=variant.product_id)
    row = Variant.objects.select_for_update(of=("self",)).get(pk=variant.pk)
    if product.variants.current().count() < 2:
        raise CatalogueError(_("%s is the only SKU of the product. Archive the product instead.") % row.sku)
    listed = ListingVariant.objects.filter(variant=row).exclude(listing__state=Listing.State.REMOVED)
    if (one := listed.select_related("connection").first()) is not None:
        raise CatalogueError(
            _("%(sku)s is listed in %(store)s. Stop selling it instead, or delete the listing first.")
            % {"sku": row.sku, "store": one.connection.name}
        )
    audit.record("product.sku_removed", product, {"sku": (row.sku, None)})
    key = row.sku_key
    try:
        with transaction.atomic():
            ListingVariant.objects.filter(variant=row).delete()
            row.delete()
    except ProtectedError as error:
        raise CatalogueError(
            _("%s has stock movements or orders, which stay in the history. Stop selling it instead.")
            % row.sku
        ) from error
    callbacks.call_mapped(None, [key])
