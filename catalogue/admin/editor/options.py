"""The card Options of the product page: options, missing SKUs, joining and releasing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext, ngettext

from catalogue.errors import CatalogueError
from catalogue.models import Product, Variant
from catalogue.services.editing import groups, options
from catalogue.services.listing import skus
from catalogue.services.listing.skus import Reached
from oms.kit.numbers import whole_number

CHANGE = "catalogue.change_product"


def options_card(request: HttpRequest, product: Product) -> dict[str, Any]:
    """Return what the card shows: the options as typed, and the SKUs that could be made with the asked pattern."""
    pattern = request.GET.get("pattern", "") or options.usual_pattern(product)
    planned: list[options.Planned] = []
    problem = ""
    try:
        planned = options.plan(product, pattern)
    except CatalogueError as error:
        problem = str(error)
    return {
        "typed": options.typed_options(options.options_of(product)),
        "pattern": pattern,
        "planned": [(one, ", ".join(one.options.values())) for one in planned],
        "problem": problem,
        "is_asked": "pattern" in request.GET,
        "stores": skus.group_listings(product),
        "is_usable": bool(planned) and not any(one.problem for one in planned),
    }


class OptionActs:
    """The actions of the card, for `ProductAct`; those in `asks` ask for confirmation first."""

    needs = dict.fromkeys(("options", "generate", "unsku", "join", "release"), CHANGE)
    asks = ("unsku", "join", "release")

    confirm: Callable[..., HttpResponse]
    title: Any

    def do_options(self, request: HttpRequest, product: Product) -> str:
        options.set_options(product, options.read_options(request.POST.get("options", "")))
        return gettext("The options were saved. Make the missing SKUs below.")

    def do_generate(self, request: HttpRequest, product: Product) -> str:
        made, reached = skus.generate(
            product, request.POST.get("pattern", ""), lists="not_listed" not in request.POST
        )
        count = ngettext("%d SKU was made.", "%d SKUs were made.", len(made)) % len(made)
        return " ".join([count, *sentences(reached)])

    def do_unsku(self, request: HttpRequest, product: Product) -> str:
        variant = _sku(request, product)
        if not skus.stores_that_list(variant):
            options.remove_variant(variant)
            return gettext("%s was removed.") % variant.sku
        reached = skus.remove_from_listings(variant)
        advice = gettext("Remove the SKU itself when no store lists it any more.")
        return " ".join([*removal_lines(variant, reached), advice])

    def do_join(self, request: HttpRequest, product: Product) -> str:
        variant, reached = skus.join(
            product, groups.single_of(request.POST.get("sku", "")), _values(request, product)
        )
        return " ".join([gettext("%s was joined to this group.") % variant.sku, *sentences(reached)])

    def do_release(self, request: HttpRequest, product: Product) -> str:
        variant = _sku(request, product)
        single = groups.release(variant)
        return gettext("%(sku)s is the product “%(title)s” now.") % {
            "sku": variant.sku,
            "title": single.title,
        }

    def ask_unsku(self, request: HttpRequest, product: Product, back: str) -> HttpResponse:
        variant = _sku(request, product)
        self.title = gettext("Remove %s") % variant.sku
        if reached := skus.stores_that_list(variant):
            return self.confirm(
                question=gettext("Remove %s from the stores that list this product?") % variant.sku,
                button=gettext("Remove from the stores"),
                back=back,
                is_dangerous=True,
                lines=[
                    *removal_lines(variant, reached),
                    gettext("The SKU, its stock and its orders stay in Manifold."),
                ],
                hidden=[("variant", variant.pk)],
            )
        return self.confirm(
            question=gettext("Remove the SKU %s?") % variant.sku,
            button=gettext("Remove SKU"),
            back=back,
            is_dangerous=True,
            lines=[gettext("It is deleted with its prices and its pictures. Other SKUs stay.")],
            hidden=[("variant", variant.pk)],
        )

    def ask_join(self, request: HttpRequest, product: Product, back: str) -> HttpResponse:
        variant = groups.single_of(request.POST.get("sku", ""))
        values = _values(request, product)
        self.title = gettext("Join %s") % variant.sku
        return self.confirm(
            question=gettext("Join %(sku)s (%(options)s) to “%(title)s”?")
            % {"sku": variant.sku, "options": ", ".join(values.values()) or "–", "title": product.title},
            button=gettext("Join SKU"),
            back=back,
            lines=[*groups.lost_by_joining(variant), *sentences(skus.group_listings(product))],
            hidden=[("sku", variant.sku), *((f"value-{at}", one) for at, one in enumerate(values.values()))],
        )

    def ask_release(self, request: HttpRequest, product: Product, back: str) -> HttpResponse:
        variant = _sku(request, product)
        self.title = gettext("Release %s") % variant.sku
        return self.confirm(
            question=gettext("Release %(sku)s from “%(title)s”?")
            % {"sku": variant.sku, "title": product.title},
            button=gettext("Release SKU"),
            back=back,
            lines=groups.lost_by_releasing(variant),
            hidden=[("variant", variant.pk)],
        )


def sentences(reached: list[Reached]) -> list[str]:
    """Return what happens with new SKUs in each store, as sentences."""
    return [
        gettext("%(store)s does not get it: %(reason)s")
        % {"store": one.listing.connection.name, "reason": one.reason}
        if one.reason
        else gettext("It is added in %s.") % one.listing.connection.name
        for one in reached
    ]


def removal_lines(variant: Variant, reached: list[Reached]) -> list[str]:
    """Return what happens with a removed SKU in each store, as sentences."""
    return [
        gettext("%(store)s is offered 0 of %(sku)s: %(reason)s")
        % {"store": one.listing.connection.name, "sku": variant.sku, "reason": one.reason}
        if one.reason
        else gettext("%(sku)s is deleted from %(store)s.")
        % {"store": one.listing.connection.name, "sku": variant.sku}
        for one in reached
    ]


def _sku(request: HttpRequest, product: Product) -> Variant:
    rows = product.variants.current().select_related("product")
    return get_object_or_404(rows, pk=whole_number(request.POST.get("variant", "")) or 0)


def _values(request: HttpRequest, product: Product) -> dict[str, str]:
    """Return the typed value of each option of the group; the fields are named `value-<place of the option>`."""
    return {name: request.POST.get(f"value-{at}", "").strip() for at, name in enumerate(product.option_names)}
