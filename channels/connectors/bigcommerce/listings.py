"""Listings on BigCommerce: made in one call, found by SKU and name, edited field by field (`bigcommerce.md` §6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from channels.connectors.bigcommerce import drafts
from channels.connectors.bigcommerce.client import ID_ALONE, LEAN, BigCommerceClient
from channels.connectors.bigcommerce.pictures import Picture, Pictures
from channels.contract import values as contract_values
from channels.contract.errors import ChannelError, Rejected, Uncertain
from channels.contract.records.updates import ListingDraft, ListingResult


class Listings:
    """The listings of one store, whose prices are in `currency` with `places` decimals."""

    def __init__(
        self,
        client: BigCommerceClient,
        pictures: Pictures,
        *,
        currency: str,
        places: int,
        base_url: str,
        storefront: int = 0,
    ) -> None:
        self.client = client
        self.pictures = pictures
        self.currency = currency
        self.places = places
        self.base_url = base_url
        self.storefront = storefront

    def create(self, draft: ListingDraft, *, with_stock: bool) -> ListingResult:
        """Make it; an answer lost on the way leaves it to `find` whether it is there."""
        self._check_currency(draft)
        body = drafts.new_product(draft, places=self.places, with_stock=with_stock)
        files = self._files(drafts.images(draft))  # before anything is made
        made = self.client.post("/v3/catalog/products", body, ID_ALONE)["data"]
        path = f"/v3/catalog/products/{made['id']}"
        try:
            for image, picture in files:
                self._upload(path, image, picture)
            self._assign(int(made["id"]))
            row = self.client.get(path, {"include": "variants", **LEAN})["data"]
        except Rejected:  # of a picture or the storefront: nothing half made stays behind
            self.client.delete(path)
            raise
        except ChannelError as error:  # it is there: whoever goes on must look first
            raise Uncertain(error.message, detail=error.detail, code=error.code) from error
        return drafts.result(draft, row, self.base_url)

    def _assign(self, product_id: int) -> None:
        """Show it on the store's own storefront, where it has several; said twice, it is there once (§3 #26)."""
        if self.storefront:
            row = {"product_id": product_id, "channel_id": self.storefront}
            self.client.put("/v3/catalog/products/channel-assignments", [row])

    def _files(self, images: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], Picture]]:
        """The pictures whose address is too long for BigCommerce, as files."""
        return [
            (image, self.pictures.fetch(image["image_url"])) for image in images if drafts.is_too_long(image)
        ]

    def _upload(self, path: str, image: Mapping[str, Any], picture: Picture) -> None:
        fields = {
            "is_thumbnail": str(image["is_thumbnail"]).lower(),
            "sort_order": str(image["sort_order"]),
        }
        self.client.upload(
            f"{path}/images", fields, file=picture.content, name=picture.name, kind=picture.kind
        )

    def _check_currency(self, draft: ListingDraft) -> None:
        if draft.currency != self.currency:
            raise Rejected(
                f"This store keeps its prices in {self.currency}, not in {draft.currency}.", field="currency"
            )

    def find(self, draft: ListingDraft) -> ListingResult | None:
        """The product that has the draft's first SKU and its name; a stranger with that SKU is not ours.

        Pictures that were still to follow as files when its answer was lost are made up for.
        """
        rows = self.client.v3_all("/v3/catalog/variants", {"sku": draft.variants[0].sku})
        for product_id in dict.fromkeys(str(row["product_id"]) for row in rows):
            path = f"/v3/catalog/products/{product_id}"
            row = self.client.get(path, {"include": "variants,images", **LEAN})["data"]
            if contract_values.text(row["name"]).casefold() == draft.title.strip().casefold():
                there = {int(image.get("sort_order") or 0) for image in row.get("images") or ()}
                missing = [image for image in drafts.images(draft) if image["sort_order"] not in there]
                for image, picture in self._files(missing):
                    self._upload(path, image, picture)
                self._assign(int(product_id))
                return drafts.result(draft, row, self.base_url)
        return None

    def update(self, draft: ListingDraft) -> ListingResult:
        """The fields that were edited; new SKUs of a group are added, pictures replaced."""
        names = draft.changed or drafts.COMMON | {"image_urls", "variants"}
        path = f"/v3/catalog/products/{draft.external_id}"
        body = drafts.changed_product(draft, fields=frozenset(names))
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
            self._add_variants(path, draft)
        if "image_urls" in names:
            self._replace_images(path, drafts.images(draft))
        row = self.client.get(path, {"include": "variants", **LEAN})["data"]
        return drafts.result(draft, row, self.base_url)

    def _replace_images(self, path: str, wanted: Sequence[Mapping[str, Any]]) -> None:
        """New pictures first, the old ones away after: a fault in between leaves too many, never none."""
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
        """SKUs that the listing lacks, in one PUT of the product: options come into being with their values."""
        fresh = [variant for variant in draft.variants if not variant.external_id]
        if not fresh:
            return
        rows = self.client.get(path, {"include": "variants", **LEAN})["data"].get("variants") or []
        have = {str(row.get("sku") or "").casefold() for row in rows}
        for variant in fresh:
            if variant.sku.casefold() in have:
                continue
            body = drafts.one_variant(variant, places=self.places)
            values = body["option_values"]
            for value in values:
                value |= self._option_ids(path, value["option_display_name"], value["label"])
            self.client.post(f"{path}/variants", {**body, "option_values": [_ids(value) for value in values]})

    def _option_ids(self, path: str, name: str, label: str) -> dict[str, int]:
        """The option and its value, the value made where it is new."""
        options = self.client.v3_all(f"{path}/options")
        option = next((o for o in options if str(o["display_name"]).casefold() == name.casefold()), None)
        if option is None:
            raise Rejected(
                f"The product has no option “{name}” in BigCommerce: add it there.", field="options"
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
