"""Labels: accounts at carriers, what is bought and where, buying once, cancelling, prices, many at once."""
