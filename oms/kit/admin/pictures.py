"""The small copies of product pictures: where their files are, and the view that serves them to signed-in staff.

No page loads a picture from a store. `catalogue.pictures` makes the files; here a page finds them by the address of the
original, without a query: the name of a file is the hash of that address.
"""

from __future__ import annotations

import hashlib
import os
import re
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase
from django.urls import get_script_prefix, reverse

#: Widths and heights in pixels: of lists (shown at 40, so sharp on every screen), and of the product page.
SMALL, LARGE = 80, 400
SIZES = (SMALL, LARGE)
#: Names of uploaded pictures: they cannot be guessed, and name no other file.
_NAME = re.compile(r"[0-9a-f]{32}\.(jpg|png|gif)")
_KINDS = {"jpg": "image/jpeg", "png": "image/png", "gif": "image/gif"}
A_YEAR = 365 * 24 * 3600


def key_of(address: str) -> str:
    """Return the key of a picture: 32 hexadecimal digits of the hash of its address."""
    return hashlib.sha256(address.encode()).hexdigest()[:32]


def file_of(key: str, size: int) -> Path:
    """Return where the copy of this size is stored, whether or not it exists."""
    return Path(settings.MEDIA_ROOT) / "pictures" / key[:2] / f"{key}-{size}.webp"


def copy_url(address: str | None, size: int = SMALL) -> str:
    """Return the address of our copy of the picture at `address`, "" where there is none (yet).

    It changes with the file, so browsers may store it for ever.
    """
    if not address:
        return ""
    key = key_of(address)
    try:
        # As `file_of`; a `Path` of four parts for each row of a list takes longer than the look at the file.
        changed = os.stat(f"{settings.MEDIA_ROOT}/pictures/{key[:2]}/{key}-{size}.webp").st_mtime_ns  # noqa: PTH116
    except OSError:
        return ""
    return f"{_folder(get_script_prefix())}{key}-{size}.webp?v={changed:x}"


@lru_cache(maxsize=8)
def _folder(script_prefix: str) -> str:
    """Return the address above all copies: a list has a picture in each row, and `reverse` takes longer than the rest of its cell."""
    return reverse("admin:picture", args=["0", SMALL]).removesuffix(f"0-{SMALL}.webp")


def serve(request: HttpRequest, key: str, size: int) -> HttpResponseBase:
    """Answer with a copy; the site puts its sign-in check around this view."""
    if size not in SIZES:
        raise Http404
    try:
        content = file_of(key, size).open("rb")
    except OSError as error:
        raise Http404 from error
    response = FileResponse(content, content_type="image/webp")
    response["Cache-Control"] = f"private, max-age={A_YEAR}, immutable"
    return response


def original_file(name: str) -> Path:
    """Return where the uploaded picture of this name is stored, whether or not it exists."""
    if not _NAME.fullmatch(name):
        return Path(settings.MEDIA_ROOT) / "originals" / "none"
    return Path(settings.MEDIA_ROOT) / "originals" / name[:2] / name


def original_url(name: str) -> str:
    """Return the path of the address of an uploaded picture."""
    return reverse("original_picture", args=[name])


def serve_original(request: HttpRequest, name: str) -> HttpResponseBase:
    """Answer with an uploaded picture, to everybody who knows its name: the stores read it here."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise Http404
    try:
        content = original_file(name).open("rb")
    except OSError as error:
        raise Http404 from error
    response = FileResponse(content, content_type=_KINDS[found[1]])
    response["Cache-Control"] = f"public, max-age={A_YEAR}, immutable"
    response["X-Content-Type-Options"] = "nosniff"
    return response
