"""The packing table: which orders are to be shipped, ship them in one step, pack them by scanning their items."""
