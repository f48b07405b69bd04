"""Stock of orders: what unpaid orders have, SKUs whose stock is not tracked, SKUs that are merged."""
