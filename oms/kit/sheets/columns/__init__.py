"""Columns: which row has the headings, and which field each heading means. Start reading at `matching`."""
