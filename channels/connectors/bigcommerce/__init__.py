"""The BigCommerce channel: V2 orders, V3 catalogue, inventory and webhooks. Start reading in `channel`, then `adapter`."""
