"""The OnBuy channel (United Kingdom), API v2. Start reading in `channel`, then `adapter`."""
