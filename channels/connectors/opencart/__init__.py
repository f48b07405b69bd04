"""The OpenCart channel, through Manifold's extension `oms_connect` (contract v1). Start reading in `channel`, then `adapter`."""
