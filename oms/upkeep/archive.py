"""The file of a backup: a compressed tar with the database, the files and, as its last part, a list with their checksums.

It is written beside its final name, read back whole, and only then renamed: a file with the name of a backup is complete.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

MANIFEST = "manifest.json"
FORM = 1  # of the archive; a newer one is refused
NAME = re.compile(r"^manifold-[0-9]{8}-[0-9]{6}\.tar\.gz(\.gpg)?$")
CHUNK = 1024 * 1024


class UpkeepError(Exception):
    """A backup, restore, move or upgrade cannot be done; the text says why and what to do."""


class _Summing(io.RawIOBase):
    """A file that is read once and remembers the SHA-256 and the number of its bytes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sum = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._sum.update(data)
        self.size += len(data)
        return data

    @property
    def digest(self) -> str:
        return self._sum.hexdigest()


@contextmanager
def only_one_in(folder: Path) -> Iterator[None]:
    """Hold this folder; raises `UpkeepError` when another backup is being written there. Freed by the kernel at our end."""
    with (folder / ".manifold-backup.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UpkeepError(f"Another backup is being written in {folder}.") from None
        yield


def write(target: Path, files: Iterable[tuple[str, Path]], facts: Mapping[str, Any]) -> None:
    """Write these files (name in the archive, path) and the list of them, with `facts`, to the disk.

    A file that vanishes before it is read is left out: copies of pictures come and go.
    """
    sums: dict[str, dict[str, Any]] = {}
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        with tarfile.open(fileobj=out, mode="w:gz", compresslevel=3) as tar:
            for name, path in files:
                try:
                    with path.open("rb") as file:
                        size = os.fstat(file.fileno()).st_size
                        entry = tarfile.TarInfo(name)
                        entry.size, entry.mode, entry.mtime = (
                            size,
                            0o600,
                            int(os.fstat(file.fileno()).st_mtime),
                        )
                        reader = _Summing(file)
                        tar.addfile(entry, reader)
                except FileNotFoundError:
                    continue
                sums[name] = {"sha256": reader.digest, "bytes": reader.size}
            text = json.dumps({"form": FORM, **facts, "files": sums}, indent=1).encode()
            entry = tarfile.TarInfo(MANIFEST)
            entry.size, entry.mode = len(text), 0o600
            tar.addfile(entry, io.BytesIO(text))
        out.flush()
        os.fsync(out.fileno())


def read(source: Path, *, into: Path | None = None, only: str = "") -> dict[str, Any]:
    """Read the archive whole, compare every checksum, and return its list.

    `into`: a folder to which the files are written (`only`: those whose name begins so). Raises `UpkeepError` for an archive
    that is damaged, cut off, of a newer form, or has a name that leads out of the folder.
    """
    found: dict[str, dict[str, Any]] = {}
    manifest: dict[str, Any] | None = None
    try:
        with tarfile.open(source, mode="r:gz") as tar:
            for entry in tar:
                content = tar.extractfile(entry) if entry.isreg() else None
                if content is None or not _is_safe(entry.name):
                    raise UpkeepError(f"{source} has a part that no backup has: {entry.name[:80]}.")
                if entry.name == MANIFEST:
                    manifest = json.loads(content.read())
                    continue
                wanted = into is not None and entry.name.startswith(only)
                found[entry.name] = _take(content, into / entry.name if into is not None and wanted else None)
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise UpkeepError(f"{source} cannot be read: {error}.") from error
    if manifest is None:
        raise UpkeepError(f"{source} is cut off: its list of files is missing.")
    if int(manifest.get("form", 0)) > FORM:
        raise UpkeepError(f"{source} was written by a newer version of Manifold.")
    if found != manifest["files"]:
        wrong = sorted(name for name, facts in manifest["files"].items() if found.get(name) != facts)
        raise UpkeepError(
            f"{source} is damaged: {', '.join(wrong[:3]) or 'it has files that are not listed'}."
        )
    return manifest


def _is_safe(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return bool(parts) and not name.startswith("/") and ".." not in parts and "\\" not in name


def _take(content: IO[bytes], target: Path | None) -> dict[str, Any]:
    reader = _Summing(content)
    if target is None:
        while reader.read(CHUNK):
            pass
    else:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = target.with_name(f"{target.name}.part")
        with part.open("wb") as out:
            while data := reader.read(CHUNK):
                out.write(data)
        part.replace(target)
    return {"sha256": reader.digest, "bytes": reader.size}


# ---------------------------------------------------------------- encryption, by GnuPG


def is_encrypted(path: Path) -> bool:
    """Whether the name says that the archive is encrypted."""
    return path.suffix == ".gpg"


def encrypt(source: Path, target: Path, passphrase: Path) -> None:
    """Encrypt a file with the first line of the passphrase file; `gpg --decrypt` opens it without Manifold."""
    _gpg(["--symmetric", "--cipher-algo", "AES256", "--output", str(target), str(source)], passphrase)


def decrypt(source: Path, target: Path, passphrase: Path | None) -> None:
    """Decrypt a file; raises `UpkeepError` without the right passphrase."""
    if passphrase is None:
        raise UpkeepError(f"{source} is encrypted: give the file with its passphrase (--passphrase-file).")
    _gpg(["--decrypt", "--output", str(target), str(source)], passphrase)


def _gpg(words: list[str], passphrase: Path) -> None:
    program = shutil.which("gpg")
    if program is None:
        raise UpkeepError("The program gpg is not installed: install the package gnupg.")
    try:
        is_empty = not passphrase.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UpkeepError(f"The passphrase file {passphrase} cannot be read: {error}.") from error
    if is_empty:
        raise UpkeepError(f"The passphrase file {passphrase} is empty.")
    with tempfile.TemporaryDirectory(prefix="manifold-gpg-") as home:
        base = [program, "--homedir", home, "--batch", "--yes", "--quiet", "--pinentry-mode", "loopback"]
        done = subprocess.run(
            [*base, "--passphrase-file", str(passphrase), *words], capture_output=True, text=True, check=False
        )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason"]
        raise UpkeepError(f"gpg failed: {lines[-1]}. Is the passphrase right?")
