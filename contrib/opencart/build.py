#!/usr/bin/env python3
"""Build the two zips of oms_connect from one source tree: dist/oms_connect-oc3.ocmod.zip and dist/oc4/oms_connect.ocmod.zip.

Standard library only, any working directory. The same sources give the same bytes: fixed order, times and modes.
On OpenCart 4 the file name is the extension code, so that zip must keep its name.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SRC = HERE / "src"
LIBRARY = "library/oms_connect"


def php_of(folder: Path, target: str) -> dict[str, bytes]:
    return {f"{target}/{path.name}": path.read_bytes() for path in sorted(folder.glob("*.php"))}


def tree(folder: Path, target: str) -> dict[str, bytes]:
    return {
        f"{target}/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def oc3() -> dict[str, bytes]:
    """Build the zip of OpenCart 3: all files below upload/, for the shop's own folders."""
    files = tree(SRC / "oc3/admin", "upload/admin") | tree(SRC / "oc3/catalog", "upload/catalog")
    files |= php_of(SRC / "shared", f"upload/system/{LIBRARY}") | php_of(
        SRC / "oc3/system", f"upload/system/{LIBRARY}"
    )
    files["upload/admin/view/template/extension/module/oms_connect.twig"] = (
        SRC / "template/oms_connect.twig"
    ).read_bytes()
    for language in sorted((SRC / "language").glob("*.php")):
        files[f"upload/admin/language/{language.stem}/extension/module/oms_connect.php"] = (
            language.read_bytes()
        )
    files[f"upload/system/{LIBRARY}/LICENSE"] = (HERE / "LICENSE").read_bytes()
    return files


def oc4() -> dict[str, bytes]:
    """Build the zip of OpenCart 4: install.json and the extension's own folder."""
    files = {
        "install.json": (SRC / "oc4/install.json").read_bytes(),
        "LICENSE": (HERE / "LICENSE").read_bytes(),
    }
    files |= tree(SRC / "oc4/admin", "admin") | tree(SRC / "oc4/catalog", "catalog")
    files |= php_of(SRC / "shared", f"system/{LIBRARY}") | php_of(SRC / "oc4/system", f"system/{LIBRARY}")
    files["admin/view/template/module/oms_connect.twig"] = (SRC / "template/oms_connect.twig").read_bytes()
    for language in sorted((SRC / "language").glob("*.php")):
        files[f"admin/language/{language.stem}/module/oms_connect.php"] = language.read_bytes()
    return files


def write(path: Path, files: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    folders = {
        f"{parent.as_posix()}/" for name in files for parent in Path(name).parents if parent.as_posix() != "."
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(folders | set(files)):
            info = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            info.create_system = 3
            if name.endswith("/"):
                info.external_attr = (0o40755 << 16) | 0x10
                archive.writestr(info, b"")
            else:
                info.external_attr = 0o100644 << 16
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, files[name])
    print(path)


def main() -> int:
    write(HERE / "dist/oms_connect-oc3.ocmod.zip", oc3())
    write(HERE / "dist/oc4/oms_connect.ocmod.zip", oc4())
    return 0


if __name__ == "__main__":
    sys.exit(main())
