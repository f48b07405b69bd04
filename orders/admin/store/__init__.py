"""What orders add to the page of a store: carriers and order settings."""
