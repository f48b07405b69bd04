"""Admin classes of the catalogue."""
