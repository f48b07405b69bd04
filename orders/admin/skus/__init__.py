"""SKU work with orders: merge two SKUs, map unknown ones."""
