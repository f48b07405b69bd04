"""Imports of spreadsheets: a file is stored, checked row by row, confirmed, applied and, if need be, undone.

Nothing here knows a product or a price: an app registers an `ImportKind` (`kinds`) with the parts that check, apply and
undo its rows. Start reading at `kinds` and `services`; the jobs are `checking`, `applying` and `undoing`.
"""
