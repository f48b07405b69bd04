"""Make the small pictures: safe to call with any bytes that a server sent."""

from __future__ import annotations

import threading
import warnings
from io import BytesIO

from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from oms.kit.admin.pictures import SIZES

#: Formats that are decoded. Others (vector drawings, documents, rare and risky decoders) are not.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP")
#: Pixels of an original. A file of a few kilobytes can unpack to gigabytes; this is checked before it is decoded.
MOST_PIXELS = 40_000_000
QUALITY = 80
ORIGINAL_QUALITY = 92  # of an uploaded picture

#: One picture is decoded at a time: 40 million pixels need 160 MB.
_decoding = threading.Lock()


class UnusablePicture(Exception):
    """These bytes give no picture; the message says why."""


def small_copies(content: bytes) -> dict[int, bytes]:
    """Return WebP pictures of these bytes by size: as large as fits into a square of so many pixels, never enlarged.

    Raise `UnusablePicture` for another format, a damaged file, or too many pixels.
    """
    if not content:
        raise UnusablePicture(_("The file is empty."))
    try:
        with _decoding, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged metadata, and of Pillow's own limit: ours is lower
            return _copies(content)
    except UnusablePicture:
        raise
    except UnidentifiedImageError as error:
        raise UnusablePicture(_odd(content)) from error
    except Image.DecompressionBombError as error:
        raise _too_large() from error
    except Exception as error:
        # Decoders raise OSError, ValueError, SyntaxError, struct.error and others for a damaged file.
        raise UnusablePicture(_("The file is damaged.")) from error


def original(content: bytes) -> tuple[bytes, str]:
    """Return an uploaded picture as it is stored and sent, with the suffix of its file: "jpg", "png" or "gif".

    It is turned upright and loses what the camera wrote into it, such as the place. A WebP, AVIF or BMP file becomes JPEG,
    or PNG where it has transparent parts: every channel accepts these. Raise `UnusablePicture` like `small_copies`.
    """
    if not content:
        raise UnusablePicture(_("The file is empty."))
    try:
        with _decoding, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _original(content)
    except UnusablePicture:
        raise
    except UnidentifiedImageError as error:
        raise UnusablePicture(_odd(content)) from error
    except Image.DecompressionBombError as error:
        raise _too_large() from error
    except Exception as error:
        raise UnusablePicture(_("The file is damaged.")) from error


def _original(content: bytes) -> tuple[bytes, str]:
    with Image.open(BytesIO(content), formats=FORMATS) as opened:
        if opened.width * opened.height > MOST_PIXELS:
            raise _too_large()
        if opened.format == "GIF":
            opened.load()
            return content, "gif"
        is_png = opened.format == "PNG"
        upright = ImageOps.exif_transpose(opened)
        has_alpha = upright.mode in {"RGBA", "LA", "PA"} or "transparency" in upright.info
        picture = upright.convert("RGBA" if has_alpha else "RGB")
    target = BytesIO()
    if has_alpha or is_png:
        picture.save(target, "PNG", optimize=True)
        return target.getvalue(), "png"
    picture.save(target, "JPEG", quality=ORIGINAL_QUALITY)
    return target.getvalue(), "jpg"


def _copies(content: bytes) -> dict[int, bytes]:
    with Image.open(BytesIO(content), formats=FORMATS) as opened:
        if opened.width * opened.height > MOST_PIXELS:
            raise _too_large()
        largest = max(SIZES)
        opened.draft(
            "RGB", (largest, largest)
        )  # a JPEG is decoded at a fraction of its size, which is faster
        upright = ImageOps.exif_transpose(opened)
        has_alpha = upright.mode in {"RGBA", "LA", "PA"} or "transparency" in upright.info
        picture = upright.convert("RGBA" if has_alpha else "RGB")
    found = {}
    for size in sorted(SIZES, reverse=True):
        picture.thumbnail((size, size), Image.Resampling.LANCZOS)
        target = BytesIO()
        picture.save(target, "WEBP", quality=QUALITY)
        found[size] = target.getvalue()
    return found


def _too_large() -> UnusablePicture:
    return UnusablePicture(
        _("The picture has more than %s million pixels, which is too many.") % (MOST_PIXELS // 1_000_000)
    )


def _odd(content: bytes) -> str:
    """Return why a file was not recognised as a picture."""
    start = content[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in start:
        return _("It is a vector drawing (SVG), which is not shown.")
    if start.startswith((b"<!doctype html", b"<html")):
        return _("The server sent a web page, no picture.")
    if start.startswith(b"%pdf"):
        return _("It is a PDF file, no picture.")
    return _("The format of the file is not one of JPEG, PNG, GIF, WebP, AVIF, BMP.")
