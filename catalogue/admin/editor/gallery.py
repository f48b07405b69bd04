"""The card Pictures of the product page, and what its forms ask for."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext

from catalogue.errors import CatalogueError
from catalogue.models import Product, ProductImage
from catalogue.pictures import copies, originals
from catalogue.services.editing import gallery
from oms.kit.numbers import whole_number


class Shown(NamedTuple):
    """One picture of the gallery, with the reason why it has no copy to show."""

    row: ProductImage
    reason: str
    is_first: bool
    is_last: bool
    is_upload: bool


def pictures_of(product: Product) -> list[Shown]:
    """Return the pictures in their order; two statements."""
    rows = list(product.images.order_by("position", "pk"))
    reasons = copies.reasons([row.url for row in rows]) if rows else {}
    return [
        Shown(row, reasons.get(row.url, ""), place == 0, place == len(rows) - 1, originals.is_upload(row.url))
        for place, row in enumerate(rows)
    ]


def upload_hint() -> str:
    """Return why uploaded pictures do not reach stores; "" where they do."""
    if settings.OMS_PUBLIC_URL.startswith("https://"):
        return ""
    return gettext(
        "Stores cannot read uploaded pictures: Manifold has no public https address (OMS_PUBLIC_URL). Use web addresses instead."
    )


class GalleryActs:
    """The actions of the card, for `ProductAct`. Each returns the message for the person."""

    needs = dict.fromkeys(
        ("upload", "address", "order", "move", "picture", "unpicture"), "catalogue.change_product"
    )

    def do_upload(self, request: HttpRequest, product: Product) -> str:
        files = []
        for file in request.FILES.getlist("files"):
            if (file.size or 0) > gallery.MOST_BYTES:
                raise CatalogueError(gallery.too_large(str(file.name)))
            files.append((str(file.name), file.read()))
        return self._added(gallery.upload(product, files, variant_id=_variant(request)))

    def do_address(self, request: HttpRequest, product: Product) -> str:
        lines = request.POST.get("addresses", "").splitlines()
        return self._added(gallery.add_addresses(product, lines, variant_id=_variant(request)))

    @staticmethod
    def _added(count: int) -> str:
        if not count:
            return gettext("The product has these pictures already.")
        return (
            ngettext(
                "%d picture was added. It is sent to the stores that list this product, where the channel takes pictures.",
                "%d pictures were added. They are sent to the stores that list this product, where the channel takes pictures.",
                count,
            )
            % count
        )

    def do_order(self, request: HttpRequest, product: Product) -> str:
        keys = [whole_number(part) for part in request.POST.get("order", "").split(",")]
        gallery.set_order(product, [key for key in keys if key is not None])
        return gettext("The order of the pictures was saved.")

    def do_move(self, request: HttpRequest, product: Product) -> str:
        steps = -1 if request.POST.get("to") == "front" else 1
        gallery.move(product, _picture(request), steps)
        return gettext("The order of the pictures was saved.")

    def do_picture(self, request: HttpRequest, product: Product) -> str:
        alt = request.POST.get("alt", "")
        gallery.describe(product, _picture(request), alt=alt, variant_id=_variant(request))
        return gettext("The picture was saved.")

    def do_unpicture(self, request: HttpRequest, product: Product) -> str:
        gallery.remove(product, _picture(request))
        return gettext("The picture was removed.")


def _picture(request: HttpRequest) -> int:
    return whole_number(request.POST.get("picture", "")) or 0


def _variant(request: HttpRequest) -> int | None:
    """Return the SKU that a picture is for; None: all SKUs. What is no SKU of the product the service refuses."""
    asked: Any = request.POST.get("variant", "")
    return (whole_number(asked) or 0) if asked else None
