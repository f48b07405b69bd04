"""The quantity that a store is offered of a SKU.

`compute` calculates it, `limits` applies the seller's limits, `locations` divides it, `explain` shows the calculation."""
