"""Integrations » Ecommerce Sales Channels: the stores, one store, and everything that can be asked of it."""
