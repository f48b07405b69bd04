"""The page “New order”: an order of an offline store, entered by hand."""
