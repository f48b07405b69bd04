"""Reports about stock: SKUs that are low with their days of cover, and the value of the stock at a date (R-INV-08)."""
