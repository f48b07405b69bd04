"""Cells as values: one reader for each `FieldType`. A reader returns the value, or says in one sentence why it cannot.

Start reading at `readers`.
"""
