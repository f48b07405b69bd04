"""Reports (R-USE-07): daily roll-ups of the orders, and the figures of a period that are read from them.

`figures` computes the figures of one day from the orders · `rollups` finds the days whose orders changed and stores their
figures · `period` what a report asks for · `report` totals, curve and table of a period · `export` the same as Excel.
"""
