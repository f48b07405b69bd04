"""How many units Etsy shows (`etsy.md` §6)."""

MOST = 999  # of one offering
