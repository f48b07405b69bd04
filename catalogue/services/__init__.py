"""Services that change products, variants, prices, listings and SKU mappings."""
