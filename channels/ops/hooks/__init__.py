"""Outgoing webhooks: `events` (the kinds, registered by the apps), `collecting`, `sending`, `subscriptions`, `checks`."""
