"""Set documents in a child process, join the files, draw a page as a picture."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from orders.errors import OrderError

#: Files that one child sets: it grows by what it set before, and ends after these.
MOST_IN_A_CHILD = 25


@dataclass(frozen=True, slots=True)
class Request:
    """One PDF file: the name of its template, the contents, the second it was issued (for the same file each time)."""

    template: str
    data: dict[str, Any]
    issued: int = 0
    archive: bool = False


@contextmanager
def _child() -> Iterator[subprocess.Popen[str]]:
    """Run the process that sets documents; it ends with this block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "orders.documents.typesetting.child"],
        cwd=settings.BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
    )
    try:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        process.wait(10)
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def set_into(requests: Sequence[Request], folder: Path, *, in_a_child: int = MOST_IN_A_CHILD) -> list[Path]:
    """Set each request into a file of `folder`; return the files in order. Raises `OrderError` when one cannot be set.

    `in_a_child` is how many one child sets; fewer where each is large.
    """
    made: list[Path] = []
    for start in range(0, len(requests), in_a_child):
        with _child() as process:
            for request in requests[start : start + in_a_child]:
                target = folder / f"{len(made):05d}.pdf"
                _ask(process, request, target)
                made.append(target)
    return made


def _ask(process: subprocess.Popen[str], request: Request, target: Path) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    line = {
        "template": request.template,
        "data": request.data,
        "target": str(target),
        "issued": request.issued,
        "archive": request.archive,
    }
    try:
        process.stdin.write(json.dumps(line) + "\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline() or "{}")
    except (BrokenPipeError, ValueError):
        answer = {}
    if "size" not in answer:
        raise CannotSet(answer.get("error", ""))


class CannotSet(OrderError):
    """A document could not be set; `detail` is for the log."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(_("The document could not be made. Try again; if it happens again, report it."))
        self.detail = detail


def set_bytes(requests: Sequence[Request]) -> list[bytes]:
    """Set each request; return the PDF files as bytes. Raises `OrderError`."""
    with TemporaryDirectory(prefix="documents-") as folder:
        return [path.read_bytes() for path in set_into(requests, Path(folder))]


def join(files: Iterable[Path], target: Path) -> int:
    """Write the pages of all files into `target`; return how many pages."""
    import pikepdf  # here, because it logs a line and takes 50 ms at the start of every process

    with pikepdf.Pdf.new() as joined:
        for path in files:
            with pikepdf.Pdf.open(path) as part:
                joined.pages.extend(part.pages)
        pages = len(joined.pages)
        joined.save(target, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return pages


def picture(pdf: bytes, page: int = 0, width: int = 620) -> bytes:
    """Return a page as a PNG of this width in pixels."""
    import pypdfium2  # here, because only previews need it

    opened: Any = pypdfium2.PdfDocument(pdf)  # type: ignore[no-untyped-call]
    try:
        sheet = opened[page]
        drawn = sheet.render(scale=width / sheet.get_width()).to_pil()
        target = BytesIO()
        drawn.save(target, "PNG", optimize=True)
        return target.getvalue()
    finally:
        opened.close()
