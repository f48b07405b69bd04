"""Import changed titles and pictures of products, where the channel or the store's setting allows it (R-CAT-07).

Only a value that changed in the store since the last import is used, and only if nobody edited it in Manifold. Price and
stock are not imported this way: a difference is shown to staff.
"""

from __future__ import annotations

from catalogue.models import Listing, Product, ProductImage
from channels.contract.records.products import ProductRecord
from channels.contract.spec import Capability
from channels.models import Connection
from oms.kit.bulk import set_to


def follows(connection: Connection) -> bool:
    """Return whether changed titles and pictures of this store are imported."""
    support = connection.spec.capabilities[Capability.AUTO_UPDATE_PRODUCTS]
    if not support.supported or Capability.AUTO_UPDATE_PRODUCTS in connection.account.get("offered", {}):
        return False
    if support.default:
        return not connection.option("keep_own_names")
    return bool(connection.option(str(Capability.AUTO_UPDATE_PRODUCTS)))


def first_image(record: ProductRecord) -> str:
    """Return the address of a record's first picture; "" for none."""
    return next((url for url in record.image_urls if url), "")[:1000]


class FieldTracker:
    """Collect the titles and pictures that the records of one page change, and write them together."""

    def __init__(self, connection: Connection) -> None:
        self.is_on = follows(connection)
        self.titles: dict[int, tuple[str]] = {}
        self.pictures: dict[int, list[str]] = {}

    def compare(self, listing: Listing, record: ProductRecord) -> None:
        """Compare a record with the last import; call it before the columns of the listing are changed."""
        if not self.is_on or not listing.pk:
            return
        product, title, image = listing.product, record.title[:300], first_image(record)
        if title and title != listing.remote_title != "" and "title" not in product.edited_fields:
            self.titles[product.pk] = (title,)
        is_changed = image and image != listing.remote_image != ""
        if is_changed and "images" not in product.edited_fields and not record.is_part:
            self.pictures[product.pk] = [url for url in record.image_urls if url]

    def addresses(self) -> list[str]:
        """Return the addresses of the collected pictures."""
        return [url[:1000] for urls in self.pictures.values() for url in urls]

    def write(self) -> None:
        """Write the collected changes: three statements at most."""
        set_to(Product, ("title",), self.titles)
        if not self.pictures:
            return
        ProductImage.objects.filter(product_id__in=self.pictures, variant=None).delete()
        ProductImage.objects.bulk_create(
            ProductImage(product_id=pk, url=url[:1000], position=place)
            for pk, urls in self.pictures.items()
            for place, url in enumerate(urls)
        )
