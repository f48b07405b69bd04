"""Returns: `list_admin` (the list and the scan field), `page` (one return), `start` (request one), `panel` (on the order)."""
