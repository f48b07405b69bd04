"""Requests to channels: session, API limits, tokens, call log, and the addresses that may not be called.

Start with `session`. Only this package, and the client and auth modules of a connector, send requests."""
