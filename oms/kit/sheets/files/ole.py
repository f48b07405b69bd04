"""The container of old Office files: find the stream that holds the workbook."""

from __future__ import annotations

import struct
from pathlib import Path

from oms.kit.sheets.files.archives import not_a_workbook

_END = 0xFFFFFFFA  # sector numbers from here on are marks, not sectors
_MOST_SECTORS = 200_000


def workbook_stream(path: Path) -> bytes:
    """Return the stream `Workbook` (or `Book`, of Excel 5) of an old workbook. Raises `SheetError` when it has none."""
    try:
        return _Container(path.read_bytes()).stream("Workbook", "Book")
    except (struct.error, IndexError, ValueError):
        raise not_a_workbook()


class _Container:
    """A compound file: sectors that are linked by a table (FAT), small streams in a stream of their own."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.size = 1 << struct.unpack_from("<H", content, 30)[0]
        self.small_size = 1 << struct.unpack_from("<H", content, 32)[0]
        if self.size not in (512, 4096) or self.small_size != 64:
            raise ValueError
        first_directory, self.small_limit = struct.unpack_from("<I4xI", content, 48)[0], 4096
        first_small, _number, first_more, more = struct.unpack_from("<IIII", content, 60)
        self.fat = self._table(list(struct.unpack_from("<109I", content, 76)), first_more, more)
        self.small_fat = self._numbers(self._chain(first_small)) if first_small < _END else ()
        self.directory = self._chain(first_directory)
        self.small = b""

    def _sector(self, number: int) -> bytes:
        start = (number + 1) * self.size
        return self.content[start : start + self.size]

    def _table(self, sectors: list[int], first_more: int, more: int) -> tuple[int, ...]:
        while more and first_more < _END and len(sectors) < _MOST_SECTORS:
            entries = self._numbers(self._sector(first_more))
            sectors.extend(entries[:-1])
            first_more, more = entries[-1], more - 1
        return self._numbers(b"".join(self._sector(number) for number in sectors if number < _END))

    @staticmethod
    def _numbers(content: bytes) -> tuple[int, ...]:
        return struct.unpack(f"<{len(content) // 4}I", content[: len(content) // 4 * 4])

    def _chain(self, number: int) -> bytes:
        parts: list[bytes] = []
        while number < _END:
            parts.append(self._sector(number))
            number = self.fat[number]
            if len(parts) > _MOST_SECTORS:
                raise ValueError
        return b"".join(parts)

    def _small_chain(self, number: int) -> bytes:
        parts: list[bytes] = []
        while number < _END:
            parts.append(self.small[number * 64 : number * 64 + 64])
            number = self.small_fat[number]
            if len(parts) > _MOST_SECTORS:
                raise ValueError
        return b"".join(parts)

    def stream(self, *names: str) -> bytes:
        """Return the first of these streams that there is."""
        found: dict[str, tuple[int, int]] = {}
        for at in range(0, len(self.directory) - 127, 128):
            length, kind = struct.unpack_from("<HB", self.directory, at + 64)
            name = self.directory[at : at + max(length - 2, 0)].decode("utf-16-le", "replace")
            start, size = struct.unpack_from("<II", self.directory, at + 116)
            if kind == 5:
                self.small = self._chain(start)[:size] if start < _END else b""
            elif kind == 2:
                found[name.lower()] = (start, size)
        for name in names:
            if name.lower() in found:
                start, size = found[name.lower()]
                chain = self._small_chain(start) if size < self.small_limit else self._chain(start)
                return chain[:size]
        raise ValueError
