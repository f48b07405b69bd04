"""Create, change and delete products in the shop."""

from __future__ import annotations

from channels.connectors.opencart import listing_bodies, reference_data
from channels.connectors.opencart.client import OpenCartClient
from channels.contract.errors import Rejected
from channels.contract.records.listings import PlannedRequest
from channels.contract.records.updates import ListingDraft, ListingResult


def create(client: OpenCartClient, draft: ListingDraft) -> ListingResult:
    """Create a product; the extension recognises a repeated call by the draft's reference."""
    body = listing_bodies.new_listing(draft, _attribute_ids(client, draft))
    reply = client.post("product_create", body, repeatable=False)
    return listing_bodies.listing_result(draft, reply.data, client.base_url)


def plan(client: OpenCartClient, draft: ListingDraft) -> list[PlannedRequest]:
    """Return the one call that creates the product; the shop's attributes are read."""
    body = listing_bodies.new_listing(draft, _attribute_ids(client, draft))
    return [PlannedRequest("POST", "product_create", body)]


def find(client: OpenCartClient, draft: ListingDraft) -> ListingResult | None:
    """Return the product that has one of the draft's SKUs; None when there is none."""
    for variant in draft.variants:
        for row in client.get("products", sku=variant.sku, limit="1").data:
            return listing_bodies.listing_result(draft, row, client.base_url)
    return None


def update(client: OpenCartClient, draft: ListingDraft) -> ListingResult:
    """Send the changed fields of a product."""
    body = listing_bodies.changed_listing(draft, _attribute_ids(client, draft))
    reply = client.post("product_update", body, repeatable=True)
    return listing_bodies.listing_result(draft, reply.data, client.base_url)


def delete(client: OpenCartClient, external_id: str) -> None:
    """Delete a product; one that does not exist counts as deleted."""
    try:
        client.post("product_delete", listing_bodies.target(external_id), repeatable=True)
    except Rejected as error:
        if error.code != "no_such_product":
            raise


def _attribute_ids(client: OpenCartClient, draft: ListingDraft) -> dict[str, int]:
    """Return the ids of the shop's attributes, read only when the draft has attributes."""
    return reference_data.attribute_ids(client) if draft.attributes else {}
