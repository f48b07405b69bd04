"""Sending to channels: the outbox and its dispatcher.

Start with `outbox` (what is to be sent), then `dispatcher` (sends what is due) and `results`."""
