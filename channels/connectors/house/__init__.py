"""Own delivery: tracking numbers of a range in Manifold and labels that Manifold prints, for own vans and carriers without an API."""
