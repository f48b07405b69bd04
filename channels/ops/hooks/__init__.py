"""Outgoing webhooks: `collecting`, `sending`, `subscriptions`, `sources`. The kinds are in `channels.stores.hook_kinds`."""
