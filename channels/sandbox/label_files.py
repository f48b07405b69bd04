"""Files of labels for the sandboxes of carriers: PDF, PNG and ZPL with a few lines of text."""

from __future__ import annotations

import struct
import zlib


def pdf(lines: list[str]) -> bytes:
    """Return a PDF of one page of 4 × 6 inches with these lines."""
    text = "BT /F1 14 Tf 20 400 Td 18 TL " + " ".join(
        f"({line.encode('latin-1', 'replace').decode('latin-1').translate(_ESCAPES)}) Tj T*" for line in lines
    )
    stream = f"{text} ET".encode("latin-1", "replace")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 288 432] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length " + str(len(stream)).encode() + b" >>\nstream\n" + stream + b"\nendstream",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    made, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(made))
        made += str(number).encode() + b" 0 obj\n" + body + b"\nendobj\n"
    table = b"".join(f"{place:010d} 00000 n \n".encode() for place in places)
    start = len(made)
    return (
        made
        + f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
        + table
        + f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()
    )


_ESCAPES = str.maketrans({"(": r"\(", ")": r"\)", "\\": r"\\"})


def png() -> bytes:
    """Return a white picture of one pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\x00\xff"))
        + chunk(b"IEND", b"")
    )


def zpl(lines: list[str]) -> bytes:
    """Return a label in ZPL II with these lines."""
    fields = "".join(f"^FO40,{60 + 40 * row}^A0N,30^FD{line}^FS" for row, line in enumerate(lines))
    return f"^XA^PW812^LL1218{fields}^XZ".encode()
