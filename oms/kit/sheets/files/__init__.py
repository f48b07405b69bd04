"""Files as tables: what a file is, whether it is safe to open, its sheets and the raw cells of their rows.

Start reading at `opening`.
"""
