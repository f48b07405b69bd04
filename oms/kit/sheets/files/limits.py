"""How large a file may be. All limits are counted on what is really there, not on what the file says of itself."""

from __future__ import annotations

#: Bytes of the file as it was uploaded.
FILE_BYTES = 60_000_000
#: Bytes of all parts of a workbook together, unpacked.
UNPACKED_BYTES = 250_000_000
#: A part of more than `RATIO_BYTES` that is more than `RATIO` times as large as its packed form was made to harm.
RATIO_BYTES = 40_000_000
RATIO = 200
#: Parts (files) inside a workbook.
PARTS = 3_000
#: Rows of a sheet that hold anything, headings included.
ROWS = 250_000
#: Columns of a sheet; Excel has no more.
COLUMNS = 16_384
#: Rows times columns of the rectangle that holds all cells of a sheet: what the reader of workbooks needs in memory.
CELLS = 4_000_000
#: Characters of one cell of a text file. Excel allows 32,767.
CELL_CHARACTERS = 131_072
