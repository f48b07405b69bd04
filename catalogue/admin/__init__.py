"""Lists and pages of the catalogue: `products`, `variants`, `listings`, `brands`, `categories`, `sku_inbox`.

Start with `products` (the list) and `product_detail` (the page). What other apps show of a product comes as panels
(`oms.kit.admin.panels`) and by `catalogue.callbacks`. Django imports this package, which imports every admin class.
"""

from catalogue.admin import (
    brand_search,
    brands,
    categories,
    listings,
    message_subjects,
    products,
    sku_inbox,
    store_listings,
    variants,
)

__all__ = [
    "brand_search",
    "brands",
    "categories",
    "listings",
    "message_subjects",
    "products",
    "sku_inbox",
    "store_listings",
    "variants",
]
