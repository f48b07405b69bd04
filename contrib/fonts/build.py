"""Build the fonts of printed documents (orders/documents/fonts) from Debian's Noto packages and Google's Noto Emoji.

    python contrib/fonts/build.py NOTO_FOLDER NOTO_CJK.ttc NOTO_EMOJI.ttf

Needs fonttools (a tool of the person who runs this, no dependency of Manifold). The CJK font is cut to the characters of
CP932, GB 2312, Big5 and KS X 1001 and all Hangul syllables. `coverage.json` lists the characters that the fonts have.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

TARGET = Path(__file__).resolve().parents[2] / "orders" / "documents" / "fonts"
SCRIPTS = ("NotoSans", "NotoSansArabic", "NotoSansHebrew", "NotoSansThai", "NotoSansDevanagari")


def characters_of(codec: str) -> set[int]:
    """Return the characters that have two bytes in an encoding."""
    found = set()
    for first in range(0x81, 0xFF):
        for second in range(0x40, 0xFF):
            try:
                text = bytes([first, second]).decode(codec)
            except UnicodeDecodeError:
                continue
            if len(text) == 1:
                found.add(ord(text))
    return found


def cut_cjk(source: Path, target: Path) -> None:
    """Write the Chinese, Japanese and Korean characters that names and addresses use."""
    wanted = set().union(*(characters_of(codec) for codec in ("cp932", "gb2312", "big5", "euc_kr")))
    wanted |= set(range(0xAC00, 0xD7A4)) | set(range(0x3000, 0x3100)) | set(range(0xFF00, 0xFFF0))
    options = subset.Options()
    options.font_number, options.hinting, options.desubroutinize = 0, False, False
    options.layout_features, options.name_IDs, options.notdef_outline = ["locl", "ccmp", "vert"], ["*"], True
    font = subset.load_font(str(source), options)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=wanted)
    cutter.subset(font)
    subset.save_font(font, str(target), options)


def write_coverage() -> None:
    """Write the ranges of characters that at least one font has, and the hash of each font."""
    covered: set[int] = set()
    hashes = {}
    for path in sorted([*TARGET.glob("*.ttf"), *TARGET.glob("*.otf")]):
        covered |= set(TTFont(path, lazy=True).getBestCmap())
        hashes[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    ranges: list[list[int]] = []
    for code in sorted(covered):
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    text = json.dumps({"fonts": hashes, "ranges": ranges}, separators=(",", ":"))
    (TARGET / "coverage.json").write_text(text + "\n", encoding="utf-8")


def main(noto: Path, cjk: Path, emoji: Path) -> None:
    """Copy and cut the fonts, then write the list of characters."""
    for script in SCRIPTS:
        for weight in ("Regular", "Bold"):
            shutil.copyfile(noto / f"{script}-{weight}.ttf", TARGET / f"{script}-{weight}.ttf")
    shutil.copyfile(emoji, TARGET / "NotoEmoji-Regular.ttf")
    cut_cjk(cjk, TARGET / "NotoSansCJK-Regular.otf")
    write_coverage()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
