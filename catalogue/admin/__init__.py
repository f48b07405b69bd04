"""Lists and pages of the catalogue: `products`, `variants`, `listings`, `brands`, `categories`, `sku_inbox`.

`listing/` has the pages of new listings. `store/` adds to a store's page. Start with `products` (the list) and `editor/page` (the page). What other apps show of a product comes as panels
(`oms.kit.admin.panels`) and by `catalogue.callbacks`. Django imports this package, which imports every admin class.
"""

from catalogue.admin import brand_search, brands, categories, kits, listings, products, sku_inbox, variants
from catalogue.admin.editor import price as editor_price
from catalogue.admin.listing import many, product_card, product_categories, suggest
from catalogue.admin.store import listings as store_listings
from catalogue.admin.store import messages as store_messages
from catalogue.admin.store import price_rule as store_price_rule

__all__ = [
    "brand_search",
    "brands",
    "categories",
    "editor_price",
    "kits",
    "listings",
    "many",
    "product_card",
    "product_categories",
    "products",
    "sku_inbox",
    "store_listings",
    "store_messages",
    "store_price_rule",
    "suggest",
    "variants",
]
