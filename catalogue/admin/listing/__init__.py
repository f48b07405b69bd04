"""Pages of new listings: the form of one, its preview, many at once; product categories and what suggests categories."""
