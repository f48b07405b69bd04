"""Barcodes as drawings. Bars are three dots of a 203 dpi printer wide: with less, printers of 300 dpi lose bars.

A text that is too long for its place at this width becomes a QR code. Pure: no Django, so the child process uses it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import zxingcpp

#: Width of the narrowest bar in millimetres: 3 dots at 203 dpi.
MODULE = 3 * 25.4 / 203
#: Free space at each side of a Code 128, in modules.
QUIET = 10


def _matrix(text: str, kind: Any) -> list[list[int]]:
    """Return the rows of a code: 1 is black."""
    made = zxingcpp.create_barcode(text, kind)
    image: Any = zxingcpp.write_barcode_to_image(made, scale=1, add_quiet_zones=False)
    rows: Any = memoryview(image).tolist()  # one value for each pixel: 0 is black
    return [[int(value < 128) for value in row] for row in rows]


def _svg(rows: list[list[int]]) -> str:
    """Return one path with a rectangle for each run of black modules."""
    path = []
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            start = x
            while x < len(row) and row[x]:
                x += 1
            if x > start:
                path.append(f"M{start} {y}h{x - start}v1h-{x - start}z")
            x += 1
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {len(rows[0])} {len(rows)}"'
        f' preserveAspectRatio="none" shape-rendering="crispEdges"><path d="{"".join(path)}"/></svg>'
    )


@lru_cache(maxsize=64)
def drawing(text: str, most: float) -> dict[str, Any]:
    """Return the drawing of a code: `svg`, its width `w` in millimetres, `qr` whether it is a QR code.

    `most` is the width of its place in millimetres, with the free space at both sides.
    """
    if text.isascii() and text.isprintable():
        rows = _matrix(text, zxingcpp.BarcodeFormat.Code128)
        row = rows[len(rows) // 2]
        if (len(row) + 2 * QUIET) * MODULE <= most:
            return {"svg": _svg([row]), "w": len(row) * MODULE, "qr": False, "text": text}
    rows = _matrix(text, zxingcpp.BarcodeFormat.QRCode)
    return {"svg": _svg(rows), "w": len(rows) * MODULE, "qr": True, "text": text}


def drawn(data: Any) -> Any:
    """Return `data` with a drawing in the place of each {"barcode": text, "most": millimetres}."""
    if isinstance(data, dict):
        if "barcode" in data:
            return drawing(data["barcode"], float(data["most"]))
        return {key: drawn(value) for key, value in data.items()}
    if isinstance(data, list):
        return [drawn(value) for value in data]
    return data
