"""OnBuy, the British marketplace, API v2."""
