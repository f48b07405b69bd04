"""Outgoing webhooks: `collecting`, `sending`, `subscriptions`, `sources`. The kinds are in `channels.push.hook_kinds`."""
