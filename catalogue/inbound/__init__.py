"""Store imported products, categories, attributes and brands.

Start with `products`, which stores a page of the stream `products`; `matching` finds the variant of each SKU.
"""
