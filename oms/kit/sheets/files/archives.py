"""Workbooks are zip archives: whether one is safe to unpack, counted on the bytes that really come out.

The sizes in the directory of an archive are written by who made it. They are a first check only.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from django.utils.translation import gettext as _

from oms.kit.sheets.files.limits import PARTS, RATIO, RATIO_BYTES, UNPACKED_BYTES
from oms.kit.sheets.records import SheetError

_CHUNK = 1 << 18
_DOCTYPES = tuple("<!DOCTYPE".encode(code) for code in ("ascii", "utf-16-le", "utf-16-be"))
_LONGEST_MARK = max(len(mark) for mark in _DOCTYPES)


def not_a_workbook() -> SheetError:
    """The sentence for an archive that is damaged or no workbook."""
    return SheetError(
        _("The file is damaged or no workbook. Open it in Excel, save it as .xlsx and upload it again."),
        "not-a-workbook",
    )


def check(path: Path) -> zipfile.ZipFile:
    """Return the open archive when it is a workbook of a bearable size. Raises `SheetError` otherwise.

    Unpacks every part once, without storing it, and stops at the limit. A document type declaration, with which an XML
    file can define endless texts or read other files, is refused: no spreadsheet program writes one.
    """
    try:
        archive = zipfile.ZipFile(path)
        parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        raise not_a_workbook()
    names = {part.filename for part in parts}
    if not _is_workbook(names):
        archive.close()
        raise SheetError(
            _("The file is a zip archive without a workbook in it. Unpack it and upload the spreadsheet.")
        )
    if len(parts) > PARTS or sum(part.file_size for part in parts) > UNPACKED_BYTES:
        raise _too_large()
    total, packed = 0, path.stat().st_size
    with path.open("rb") as file:
        for part in parts:
            tail = b""
            most = max(RATIO_BYTES, min(part.compress_size, packed) * RATIO)
            size = 0
            for chunk in unpacked(file, part):
                size += len(chunk)
                if total + size > UNPACKED_BYTES or size > most:
                    raise _too_large()
                window = tail + chunk
                if any(mark in window for mark in _DOCTYPES):
                    raise SheetError(
                        _(
                            "The file is no workbook that a spreadsheet program wrote: it holds a document type declaration."
                        ),
                        "not-a-workbook",
                    )
                tail = chunk[-_LONGEST_MARK:]
            if size != part.file_size:
                raise not_a_workbook()
            total += size
    return archive


def unpacked(file: BinaryIO, part: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield the bytes of one part as they come out of the file, whatever the directory says of their number."""
    if part.flag_bits & 0x1:
        raise SheetError(
            _("The workbook is protected by a password. Save it without a password and upload it again.")
        )
    if part.header_offset < 0:
        raise not_a_workbook()
    file.seek(part.header_offset)
    header = file.read(30)
    if len(header) < 30 or not header.startswith(b"PK\x03\x04"):
        raise not_a_workbook()
    name_length, extra_length = struct.unpack("<HH", header[26:30])
    file.seek(name_length + extra_length, 1)
    if part.compress_type == zipfile.ZIP_STORED:
        yield from _stored(file, part.compress_size)
    elif part.compress_type == zipfile.ZIP_DEFLATED:
        yield from _inflated(file)
    else:
        raise not_a_workbook()


def _stored(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size > 0:
        chunk = file.read(min(_CHUNK, size))
        if not chunk:
            raise not_a_workbook()
        size -= len(chunk)
        yield chunk


def _inflated(file: BinaryIO) -> Iterator[bytes]:
    engine = zlib.decompressobj(-15)
    waiting = b""
    while not engine.eof:
        if not waiting:
            waiting = file.read(1 << 16)
            if not waiting:
                raise not_a_workbook()
        try:
            chunk = engine.decompress(waiting, _CHUNK)
        except zlib.error:
            raise not_a_workbook()
        waiting = engine.unconsumed_tail
        if chunk:
            yield chunk


def _is_workbook(names: set[str]) -> bool:
    if "xl/workbook.bin" in names:
        raise SheetError(_("The file is a binary workbook (.xlsb). Save it as .xlsx and upload it again."))
    if any(name.startswith("Index/") or name == "Index.zip" for name in names):
        raise SheetError(
            _("The file is a document of Apple Numbers. Export it in Numbers as Excel and upload that file."),
            "wrong-file-type",
        )
    if "word/document.xml" in names:
        raise SheetError(_("The file is a Word document, not a spreadsheet."), "wrong-file-type")
    return "content.xml" in names or any(name.lower().lstrip("/") == "xl/workbook.xml" for name in names)


def _too_large() -> SheetError:
    return SheetError(
        _(
            "The workbook is too large inside: it unpacks to more than %d MB, or to far more than its own size. Split it into several files."
        )
        % (UNPACKED_BYTES // 1_000_000),
        "too-large-inside",
    )
