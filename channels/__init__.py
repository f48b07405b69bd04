"""Stores, imports, the outbox and the connectors. It uses no model of products, stock or orders."""
