"""An order's status: `projection` computes it from the facts, `moves` is the table of what may be done."""
