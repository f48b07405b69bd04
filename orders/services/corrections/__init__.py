"""Corrections of an order before it is packed: units, lines, address, contact data."""
