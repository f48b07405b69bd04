"""Stores without an API: a shop counter, a market stall, the telephone."""
