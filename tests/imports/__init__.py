"""Tests of spreadsheet files: what is read, what comes back, and what is refused."""
