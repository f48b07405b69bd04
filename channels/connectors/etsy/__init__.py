"""The Etsy channel: Open API v3, receipts as orders, listings as products. Start reading in `channel`, then `adapter`."""
