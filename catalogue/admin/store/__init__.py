"""What the catalogue shows of stores: `columns` of the product page, `listings` (a tab of a store), `messages` in words."""
