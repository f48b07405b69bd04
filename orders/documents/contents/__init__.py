"""What documents say: pure functions from orders, shipments and settings to the JSON of a template.

`parts` has what all documents share. Nothing here reads the database: callers load what is needed beforehand.
"""
