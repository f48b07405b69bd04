"""Uploaded pictures: their files, and the address under which stores and people read them.

A row names an uploaded picture as `upload:<name>`. Its public address is made when it is sent, so Manifold can move to
another address. The name cannot be guessed: whoever has the address may read the picture, like one in any shop.
"""

from __future__ import annotations

from pathlib import Path
from secrets import token_hex
from time import time

from django.conf import settings
from django.utils.translation import gettext as _

from channels.contract.errors import Rejected
from oms.kit.admin import pictures

SCHEME = "upload:"
#: Files that no picture names are kept this long: a store may still be reading one.
KEPT_SECONDS = 2 * 24 * 3600


def is_upload(address: str) -> bool:
    """Return whether this is the address of an uploaded picture."""
    return address.startswith(SCHEME)


def short(address: str) -> str:
    """Return the address as the history shows it; of an uploaded picture the beginning of its name."""
    return f"{address[: len(SCHEME) + 8]}…" if is_upload(address) else address


def save(content: bytes, suffix: str) -> str:
    """Write the file of an uploaded picture ("jpg", "png" or "gif") and return its address, `upload:<name>`."""
    name = f"{token_hex(16)}.{suffix}"
    file = pictures.original_file(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{name}.part")
    part.write_bytes(content)
    part.replace(file)
    return f"{SCHEME}{name}"


def content_of(address: str) -> bytes:
    """Return the bytes of an uploaded picture. Raise `Rejected` when its file does not exist."""
    try:
        return pictures.original_file(address.removeprefix(SCHEME)).read_bytes()
    except OSError as error:
        raise Rejected(_("The file of the uploaded picture is missing. Upload it again.")) from error


def public_address(address: str) -> str:
    """Return the address at which a store reads the picture: that of Manifold for an uploaded one."""
    if not is_upload(address):
        return address
    return f"{settings.OMS_PUBLIC_URL}{pictures.original_url(address.removeprefix(SCHEME))}"


def remove_unnamed(named: set[str]) -> int:
    """Remove the files that are not among these addresses and are older than `KEPT_SECONDS`; return how many."""
    folder = Path(settings.MEDIA_ROOT) / "originals"
    if not folder.is_dir():
        return 0
    removed = 0
    for file in folder.glob("*/*"):
        if f"{SCHEME}{file.name}" not in named and file.stat().st_mtime < time() - KEPT_SECONDS:
            file.unlink(missing_ok=True)
            removed += 1
    return removed
