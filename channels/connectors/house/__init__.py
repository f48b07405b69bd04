"""The house carrier: numbers of Manifold's own range and its own labels, for own vans and carriers without an API."""
