"""What people do with stock: adjust it, set limits, choose warehouses, resolve differences."""
