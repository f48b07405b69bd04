"""What people do with stock: adjust, set limits, choose warehouses."""
