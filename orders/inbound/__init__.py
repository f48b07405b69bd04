"""Import of orders: each is stored once and then updated.

Start with `orders`, the sink of all order streams."""
