"""OpenCart through our own extension, `oms_connect` (contract v1)."""
