"""Pages for the packing table: the ship station, and packing by scanning."""
