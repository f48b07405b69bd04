"""Hand shipments over to carriers: the last look at the channels, manifests, and the carriers' own ones."""
