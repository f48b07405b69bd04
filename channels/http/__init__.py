"""How a store is called: session, limits, tokens, log, and what may not be called.

Start with `session`. Nothing but this package, a connector's client and its auth sends a request."""
