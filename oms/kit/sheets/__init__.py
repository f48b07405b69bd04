"""Spreadsheet files: reading them safely, matching their columns to fields, and writing templates and exports.

Nothing here knows what a product or an order is: an app describes its fields with `fields.SheetKind`. Start reading at `records`.
"""
