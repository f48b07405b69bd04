"""Printed documents of orders: pick lists, packing slips, labels, invoices, credit notes, manifests, return slips.

`contents` has the contents (pure functions: an order -> JSON), `templates` the pages, `render` compiles them in a child
process. `issuing` takes numbers and stores what must never change; `printing` makes files for many orders. Start with
`printing`.
"""
