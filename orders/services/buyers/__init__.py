"""Services about buyers: find one with the earlier orders, export and erase personal data."""
