"""Listings in BigCommerce: created in one call, found by SKU and name, changed field by field (`bigcommerce.md` §6)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from channels.connectors.bigcommerce import listing_bodies
from channels.connectors.bigcommerce.client import ID_ALONE, LEAN
from channels.connectors.bigcommerce.reference_data import StoreFacts
from channels.connectors.bigcommerce.stock_prices import WRONG_CURRENCY
from channels.contract.errors import ChannelError, Rejected, Uncertain
from channels.contract.records.listings import PlannedRequest, refusals_of
from channels.contract.records.updates import ListingDraft, ListingResult
from channels.contract.values import text
from channels.http.pictures import Picture, PictureReader, shown

MOST_BYTES = 8 * 1024 * 1024  # of a picture that BigCommerce takes
#: The first bytes of the files that BigCommerce takes: beginning, MIME type, file extension.
PICTURE_KINDS = (
    (b"\x89PNG\r\n\x1a\n", "image/png", "png"),
    (b"\xff\xd8\xff", "image/jpeg", "jpg"),
    (b"GIF8", "image/gif", "gif"),
    (b"BM", "image/bmp", "bmp"),
)


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture that is sent as a file: its bytes, a short name, its MIME type by its first bytes."""

    content: bytes
    name: str
    kind: str


class Listings:
    """Creates and changes the listings of one store.

    `storefront`: the sales channel that a new product is assigned to, 0 where the store has only one.
    """

    def __init__(self, facts: StoreFacts, pictures: PictureReader) -> None:
        self.facts = facts
        self.client = facts.client
        self.pictures = pictures
        self.storefront = int(facts.known("storefront") or 0)

    def set_active(self, external_id: str, *, active: bool) -> None:
        """Show or hide the product."""
        self.client.put(f"/v3/catalog/products/{external_id}", {"is_visible": active}, ID_ALONE)

    def check(self, draft: ListingDraft) -> list[Rejected]:
        """Return what BigCommerce would refuse of a new listing. Makes no request: without a known currency it is not checked."""
        known = self.facts.known("decimal_places")
        found = listing_bodies.refusals(draft, places=2 if known is None else int(known))
        if self.facts.connection.currency:
            found += refusals_of(lambda: self._check_currency(draft))
        return found

    def plan(self, draft: ListingDraft) -> list[PlannedRequest]:
        """Return the requests of `create`: the product, pictures that go as files, the storefront."""
        path = "/v3/catalog/products/{id}"
        planned = [PlannedRequest("POST", "/v3/catalog/products", self._body(draft))]
        planned += [
            PlannedRequest("POST", f"{path}/images", image, _("The picture is sent as a file."))
            for image in listing_bodies.images(draft)
            if listing_bodies.is_too_long(image)
        ]
        if self.storefront:
            row = {"product_id": "{id}", "channel_id": self.storefront}
            planned.append(PlannedRequest("PUT", "/v3/catalog/products/channel-assignments", [row]))
        return planned

    def _body(self, draft: ListingDraft) -> dict[str, Any]:
        self._check_currency(draft)
        with_stock = self.facts.location == self.facts.default_location
        return listing_bodies.new_product(draft, places=self.facts.places, with_stock=with_stock)

    def create(self, draft: ListingDraft) -> ListingResult:
        """Create the product. `Uncertain` says that it may exist: `find` looks for it before the next try."""
        body = self._body(draft)
        files = self._files(listing_bodies.images(draft))  # before anything is created
        made = self.client.post("/v3/catalog/products", body, ID_ALONE)["data"]
        path = f"/v3/catalog/products/{made['id']}"
        try:
            for image, picture in files:
                self._upload(path, image, picture)
            self._assign(int(made["id"]))
            row = self.client.get(path, {"include": "variants", **LEAN})["data"]
        except Rejected:  # of a picture or the storefront: an incomplete product is deleted
            self.client.delete(path)
            raise
        except ChannelError as error:  # the product exists: the next try looks for it first
            raise Uncertain(error.message, detail=error.detail, code=error.code) from error
        return listing_bodies.result(draft, row, self.facts.base_url)

    def _assign(self, product_id: int) -> None:
        """Assign it to the store's own storefront, where it has several; repeating it changes nothing (§3 #26)."""
        if self.storefront:
            row = {"product_id": product_id, "channel_id": self.storefront}
            self.client.put("/v3/catalog/products/channel-assignments", [row])

    def _files(self, images: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], PictureFile]]:
        """Return the pictures whose address is too long for BigCommerce, as files."""
        return [
            (image, _file(self.pictures.fetch(image["image_url"])))
            for image in images
            if listing_bodies.is_too_long(image)
        ]

    def _upload(self, path: str, image: Mapping[str, Any], picture: PictureFile) -> None:
        fields = {
            "is_thumbnail": str(image["is_thumbnail"]).lower(),
            "sort_order": str(image["sort_order"]),
        }
        self.client.upload(
            f"{path}/images", fields, file=picture.content, name=picture.name, kind=picture.kind
        )

    def _check_currency(self, draft: ListingDraft) -> None:
        if draft.currency != self.facts.currency:
            raise Rejected(
                WRONG_CURRENCY % {"store": self.facts.currency, "given": draft.currency}, field="currency"
            )

    def find(self, draft: ListingDraft) -> ListingResult | None:
        """Return the product that has the draft's first SKU and its title, or None; SKU alone is not enough.

        Pictures that were not yet uploaded when the answer was lost are uploaded now.
        """
        rows = self.client.v3_all("/v3/catalog/variants", {"sku": draft.variants[0].sku})
        for product_id in dict.fromkeys(str(row["product_id"]) for row in rows):
            path = f"/v3/catalog/products/{product_id}"
            row = self.client.get(path, {"include": "variants,images", **LEAN})["data"]
            if text(row["name"]).casefold() == draft.title.strip().casefold():
                present = {int(image.get("sort_order") or 0) for image in row.get("images") or ()}
                missing = [
                    image for image in listing_bodies.images(draft) if image["sort_order"] not in present
                ]
                for image, picture in self._files(missing):
                    self._upload(path, image, picture)
                self._assign(int(product_id))
                return listing_bodies.result(draft, row, self.facts.base_url)
        return None

    def update(self, draft: ListingDraft) -> ListingResult:
        """Send the changed fields; new SKUs of a group are added, pictures replaced."""
        names = draft.changed or listing_bodies.COMMON | {"image_urls", "variants"}
        path = f"/v3/catalog/products/{draft.external_id}"
        body = listing_bodies.changed_product(draft, fields=frozenset(names))
        if "custom_fields" in body:
            have = (
                self.client.get(path, {"include": "custom_fields", **LEAN})["data"].get("custom_fields") or []
            )
            ids = {str(item["name"]).casefold(): item["id"] for item in have}
            body["custom_fields"] = [
                {**item, **({"id": ids[item["name"].casefold()]} if item["name"].casefold() in ids else {})}
                for item in body["custom_fields"]
            ]
        if body:
            self.client.put(path, body, ID_ALONE)
        if "variants" in names:
            self._remove_variants(path, draft)
            self._add_variants(path, draft)
        if "image_urls" in names:
            self._replace_images(path, listing_bodies.images(draft))
        row = self.client.get(path, {"include": "variants", **LEAN})["data"]
        return listing_bodies.result(draft, row, self.facts.base_url)

    def _replace_images(self, path: str, wanted: Sequence[Mapping[str, Any]]) -> None:
        """Add the new pictures, then delete the old ones: a fault in between leaves too many, never none."""
        files = {image["sort_order"]: picture for image, picture in self._files(wanted)}
        old = self.client.v3_all(f"{path}/images")
        for body in wanted:
            picture = files.get(body["sort_order"])
            if picture is not None:
                self._upload(path, body, picture)
            else:
                self.client.post(f"{path}/images", body, repeatable=True)
        for row in old:
            self.client.delete(f"{path}/images/{row['id']}")

    def _add_variants(self, path: str, draft: ListingDraft) -> None:
        """Add the SKUs that the listing lacks; a new value of an option is created with it."""
        fresh = [each for each in draft.variants if not each.external_id and not each.is_removed]
        if not fresh:
            return
        rows = self.client.get(path, {"include": "variants", **LEAN})["data"].get("variants") or []
        have = {str(row.get("sku") or "").casefold() for row in rows}
        for variant in fresh:
            if variant.sku.casefold() in have:
                continue
            body = listing_bodies.one_variant(variant, places=self.facts.places)
            values = body["option_values"]
            for value in values:
                value |= self._option_ids(path, value["option_display_name"], value["label"])
            self.client.post(f"{path}/variants", {**body, "option_values": [_ids(value) for value in values]})

    def _remove_variants(self, path: str, draft: ListingDraft) -> None:
        """Delete the SKUs that are to be removed; one that BigCommerce does not have any more counts as deleted."""
        for variant in draft.variants:
            if not variant.is_removed or not variant.external_id:
                continue
            try:
                self.client.delete(f"{path}/variants/{variant.external_id}")
            except Rejected as error:
                if not error.is_gone:
                    raise

    def _option_ids(self, path: str, name: str, label: str) -> dict[str, int]:
        """Return the ids of the option and its value; a new value is created."""
        options = self.client.v3_all(f"{path}/options")
        option = next((o for o in options if str(o["display_name"]).casefold() == name.casefold()), None)
        if option is None:
            raise Rejected(
                _("The product has no option “%(name)s” in BigCommerce: add it in BigCommerce.")
                % {"name": name},
                field="options",
            )
        for value in option["option_values"]:
            if str(value["label"]).casefold() == label.casefold():
                return {"option_id": int(option["id"]), "id": int(value["id"])}
        made = self.client.post(
            f"{path}/options/{option['id']}/values",
            {"label": label, "sort_order": len(option["option_values"])},
        )["data"]
        return {"option_id": int(option["id"]), "id": int(made["id"])}


def _ids(value: Mapping[str, Any]) -> dict[str, int]:
    return {"id": value["id"], "option_id": value["option_id"]}


def _file(picture: Picture) -> PictureFile:
    """Return the file of a picture whose address is too long for BigCommerce (§3 #22).

    Raises `Rejected` where BigCommerce would not take it.
    """
    if len(picture.content) > MOST_BYTES:
        raise Rejected(
            _("BigCommerce takes pictures of up to %(size)d MB: %(address)s")
            % {"size": MOST_BYTES // 1024 // 1024, "address": shown(picture.url)},
            field="image_urls",
        )
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", picture.name.rpartition(".")[0]).strip("-")[:60] or "picture"
    for begin, kind, ending in PICTURE_KINDS:
        if picture.content.startswith(begin):
            return PictureFile(picture.content, f"{name}.{ending}", kind)
    if picture.content.startswith(b"RIFF") and picture.content[8:12] == b"WEBP":
        return PictureFile(picture.content, f"{name}.webp", "image/webp")
    raise Rejected(
        _("BigCommerce takes pictures as PNG, JPEG, GIF, BMP or WebP, which this is not: %s")
        % shown(picture.url),
        field="image_urls",
    )
