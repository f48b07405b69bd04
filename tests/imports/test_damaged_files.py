"""Damaged files: whatever a file holds, it is read or refused with one sentence."""

from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path

import pytest

from oms.kit.sheets.formats import registry
from oms.kit.sheets.preview import look
from oms.kit.sheets.reading import read
from oms.kit.sheets.records import SheetError

HERE = Path(__file__).parent
FILES = sorted(
    path
    for path in (*(HERE / "samples").iterdir(), *(HERE / "own").iterdir())
    if path.suffix != ".json" and path.name != "zip-bomb-like.xlsx"
)
_BYTES = b",;\"\t\n\r'=0179-+.E%\x00\xff\xc3<>/"

pytestmark = pytest.mark.req("R-USE-02", "R-PLUS-16")


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Change, remove, insert and repeat some bytes."""
    found = bytearray(content)
    for _each in range(chance.choice([1, 3, 12])):
        at, what = chance.randrange(len(found)), chance.random()
        if what < 0.5:
            found[at] = chance.randrange(256)
        elif what < 0.7:
            del found[at : at + chance.randrange(1, 40)]
        elif what < 0.9:
            found[at:at] = bytes(chance.choice(_BYTES) for _number in range(chance.randrange(1, 6)))
        else:
            found[at:at] = found[at : at + chance.randrange(1, 60)]
        if not found:
            break
    return bytes(found)


def damaged_part(content: bytes, chance: random.Random) -> bytes:
    """Damage one part of a workbook, so that the archive itself stays whole."""
    source = zipfile.ZipFile(io.BytesIO(content))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        chosen = chance.choice(source.namelist())
        for name in source.namelist():
            part = source.read(name)
            archive.writestr(name, damaged(part, chance) if name == chosen and part else part)
    return target.getvalue()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_damaged_file_is_read_or_refused(path: Path, tmp_path: Path) -> None:
    chance = random.Random(path.name)
    content = path.read_bytes()
    kinds = [None, *registry.kinds.values()]
    outcomes = set()
    for number in range(12):
        whole = number % 2 or not zipfile.is_zipfile(path)
        target = tmp_path / f"{number}.bin"
        target.write_bytes(damaged(content, chance) if whole else damaged_part(content, chance))
        kind = chance.choice(kinds)
        try:
            read(target, kind)
            if kind is not None:
                look(target, kind)
            outcomes.add("read")
        except SheetError as error:
            outcomes.add(str(error)[-1])
    assert outcomes <= {"read", "."}
