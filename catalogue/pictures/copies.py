"""Which addresses need small copies: every picture that the catalogue shows, and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from urllib.parse import urlsplit

from django.utils import timezone

from catalogue.models import Listing, PictureCopy, ProductImage
from catalogue.pictures import originals
from catalogue.pictures.lookup import picture_of
from oms.kit.admin import pictures
from oms.kit.models import Problem

CHUNK = 1000


def want(addresses: Iterable[str]) -> None:
    """Note that pictures need small copies; the sweep makes them. One statement, none without an address.

    Call it wherever addresses are written. What it misses is found once a day by `tidy`.
    """
    now = timezone.now()
    rows = {
        key: PictureCopy(key=key, address=address, host=_host(address), due_at=now)
        for address in set(addresses)
        if address and (key := pictures.key_of(address))
    }
    # In the order of the keys, so that two transactions never wait for each other.
    PictureCopy.objects.bulk_create([rows[key] for key in sorted(rows)], ignore_conflicts=True)


def want_all(
    images: Iterable[ProductImage],
    addresses: Iterable[str],
    new: Iterable[Listing],
    old: Mapping[int, Listing],
) -> None:
    """Note the pictures of one imported page: of its images, more addresses, and of new and known listings."""
    listings = (*new, *old.values())
    want((*(one.url for one in images), *addresses, *(one.remote_image for one in listings)))


def reasons(addresses: Collection[str]) -> dict[str, str]:
    """Return why there is no copy of these addresses, by address; those without a known reason are absent."""
    rows = PictureCopy.objects.filter(key__in=[pictures.key_of(one) for one in addresses]).exclude(reason="")
    return dict(rows.values_list("address", "reason"))


def tidy() -> int:
    """Note shown addresses that have no row, remove copies that nothing shows; return how many rows changed.

    Reads every address once: 20 s with 100,000 pictures. Each chunk is saved, so a run that is cut off is not lost.
    """
    changed = 0
    shown: set[str] = set()
    for chunk in _chunks(_shown()):
        keys = {pictures.key_of(address): address for address in chunk}
        shown |= keys.keys()
        known = PictureCopy.objects.filter(key__in=list(keys)).values_list("key", flat=True)
        missing = keys.keys() - set(known)
        want(keys[key] for key in missing)
        changed += len(missing)
    for chunk in _chunks(PictureCopy.objects.order_by("key").values_list("key", flat=True).iterator()):
        if gone := [key for key in chunk if key not in shown]:
            remove(gone)
            changed += len(gone)
        _make_again([key for key in chunk if key in shown and not has_files(key)])
    uploads = ProductImage.objects.filter(url__startswith=originals.SCHEME).order_by()
    return changed + originals.remove_unnamed(set(uploads.values_list("url", flat=True)))


def remove(keys: Collection[str]) -> None:
    """Remove copies: the files first, so that no file is left without its row."""
    for key in keys:
        remove_files(key)
    PictureCopy.objects.filter(key__in=keys).delete()


def remove_files(key: str) -> None:
    """Remove the files of a picture; it has a placeholder then."""
    for size in pictures.SIZES:
        pictures.file_of(key, size).unlink(missing_ok=True)


def has_files(key: str) -> bool:
    """Whether all copies of a picture are stored."""
    return all(pictures.file_of(key, size).is_file() for size in pictures.SIZES)


def missing() -> tuple[int, list[PictureCopy]]:
    """Return how many pictures wait for their first copy, and the rows of those that could not be made."""
    waiting = PictureCopy.objects.filter(state=PictureCopy.State.WAITING).count()
    bad = (PictureCopy.State.FAILED, PictureCopy.State.UNUSABLE)
    return waiting, list(PictureCopy.objects.filter(state__in=bad).order_by("state", "address"))


def _make_again(keys: Collection[str]) -> None:
    """Download stored pictures again whose files are gone, for example after a restore of the database alone."""
    PictureCopy.objects.filter(key__in=keys, state=PictureCopy.State.STORED).update(
        state=PictureCopy.State.WAITING, etag="", last_modified="", content_hash="", due_at=timezone.now()
    )


def _shown() -> Iterator[str]:
    """Return every address that the catalogue shows, some of them more than once."""
    yield from ProductImage.objects.order_by().values_list("url", flat=True).iterator()
    yield from (
        Listing.objects.exclude(remote_image="").order_by().values_list("remote_image", flat=True).iterator()
    )
    waiting = Problem.objects.open().filter(subject_kind="connection", data__record__isnull=False)
    for data in waiting.order_by().values_list("data", flat=True).iterator():
        if address := picture_of(data):
            yield address


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(values)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def _host(address: str) -> str:
    try:
        return (urlsplit(address).netloc.rpartition("@")[2] or "").lower()[:255]
    except ValueError:  # "http://[": no address at all; the download says so
        return ""
