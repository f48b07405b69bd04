"""A store without a wire: a shop counter, a market stall, the telephone."""
