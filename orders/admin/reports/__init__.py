"""The page of reports: a curve and a table of a period, and the same table as Excel (R-USE-07)."""
