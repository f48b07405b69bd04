"""Admin classes of orders."""
