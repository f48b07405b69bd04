"""Etsy, over its Open API v3."""
