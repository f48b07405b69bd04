"""Products and reference data as channels report them.

Start with `products`, the sink of the product stream."""
