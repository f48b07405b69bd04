"""OpenCart through Manifold's own extension, `oms_connect` (contract v1)."""
