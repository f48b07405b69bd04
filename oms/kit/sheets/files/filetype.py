"""What a file is, by its first bytes. Its name and the type that a browser states are not believed."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

from django.utils.translation import gettext as _

from oms.kit.sheets.files.limits import FILE_BYTES
from oms.kit.sheets.records import SheetError


class FileType(StrEnum):
    """The types that can be read."""

    ZIP = "zip"  # xlsx or ods; the archive says which
    XLS = "xls"
    TEXT = "text"


_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MARKUP = re.compile(
    rb"\s*(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body|table|meta|style)\b", re.IGNORECASE
)
_XML = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<\?xml", re.IGNORECASE)

_JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\[\s*[\[{]|\{\s*\")")


def file_type(path: Path) -> FileType:
    """Return what the file is. Raises `SheetError` that names what it is when it is no table, too large or empty."""
    size = path.stat().st_size
    if size == 0:
        raise SheetError(_("The file is empty."))
    if size > FILE_BYTES:
        raise SheetError(
            _("The file has %(size)d MB. The limit is %(most)d MB: split it into several files.")
            % {"size": size // 1_000_000, "most": FILE_BYTES // 1_000_000}
        )
    with path.open("rb") as file:
        head = file.read(4096)
        if head.startswith(_OLE):
            return _ole(head + file.read(200_000))
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return FileType.ZIP
    _refuse_known(head)
    return FileType.TEXT


def _ole(content: bytes) -> FileType:
    """Old Excel files and files with a password share one container."""
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise SheetError(
            _("The workbook is protected by a password. Save it without a password and upload it again.")
        )
    if "WordDocument".encode("utf-16-le") in content:
        raise SheetError(_("The file is a Word document, not a spreadsheet."))
    return FileType.XLS


def _refuse_known(head: bytes) -> None:
    """Raise with the name of a well-known type that is no table."""
    name, is_opened_by_excel = "", False
    if head.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM")) or head[8:12] == b"WEBP":
        name = _("a picture")
    elif head.startswith(b"%PDF"):
        name = _("a PDF document")
    elif _MARKUP.match(head) or head.lstrip().startswith(b"MIME-Version:"):
        name, is_opened_by_excel = _("a web page (HTML), whatever its name ends with"), True
    elif head.startswith((b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"BZh", b"\xfd7zXZ")):
        name = _("a compressed archive")
    elif _XML.match(head):
        name, is_opened_by_excel = _("an XML document"), True
    elif head.startswith(b"ID;P"):
        name, is_opened_by_excel = _("a SYLK file"), True
    elif _JSON.match(head):
        name = _("a JSON document")
    elif head.startswith(b"{\\rtf"):
        name = _("a text document (RTF)")
    elif head.startswith((b"\x7fELF", b"MZ")):
        name = _("a program")
    if name and is_opened_by_excel:
        raise SheetError(
            _("The file is %s, not a workbook. Open it in Excel, save it as .xlsx and upload it again.")
            % name,
            "wrong-file-type",
        )
    if name:
        raise SheetError(
            _("The file is %s, not a spreadsheet. Upload an .xlsx, .xls, .ods, .csv or .tsv file.") % name,
            "wrong-file-type",
        )
