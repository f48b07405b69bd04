"""Warehouses, stock, movements, and what each store is offered."""
