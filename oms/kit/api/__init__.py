"""The frame of the HTTP API: keys, idempotency, errors, pages, signatures. It knows no app.

An app declares its operations in its own `api` package on an `Area` (`areas`) and adds it to the API in its
`registrations` (`site.add`). `oms.urls` mounts the two APIs. Start with `areas`.
"""
