"""What a store may show of a SKU: `compute` is the rule, `limits` the seller's limits, `explain` the sum in words."""
