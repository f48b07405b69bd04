"""Download and store what is due: a slice at a time, hosts side by side, and on while there is work.

Before a picture is downloaded its row gets the time of the next attempt, so a picture that kills the worker is a failed
one. A host that does not answer is left alone for a while with all its pictures; the others go on.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import timedelta
from random import uniform

from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from catalogue.models import PictureCopy
from catalogue.pictures import originals
from catalogue.pictures.convert import UnusablePicture, small_copies
from catalogue.pictures.copies import has_files, remove_files
from channels.contract.errors import ChannelError, TemporaryError
from channels.contract.spec import Lane
from channels.pull.pictures import Download, Downloader
from oms.kit.admin import pictures
from oms.kit.background import queue

SLICE_SECONDS = 25.0
SLICE = 200  # pictures of one slice, shared by the hosts, so that a large shop does not hold up a small one
LEAST_PER_HOST = 10
MOST_HOSTS = 20  # of one slice
THREADS = 4
PER_HOST = 2  # downloads from one host at a time
FAILURES_IN_A_ROW = 3  # of a host, before its other pictures are left for later

AGE = timedelta(days=7)  # after which the server is asked whether a stored picture has changed
AGE_UNUSABLE = timedelta(days=30)
FIRST_RETRY = timedelta(minutes=10)
LONGEST_RETRY = timedelta(days=7)
ALIVE = timedelta(minutes=3)  # a slice and its last downloads take less

FIELDS = (
    "state", "reason", "due_at", "claimed_at", "attempts", "etag", "last_modified", "content_hash", "stored_at",
)  # fmt: skip


def tick() -> None:
    """Enqueue a slice when pictures are due and none is at work; called each minute."""
    now = timezone.now()
    if PictureCopy.objects.filter(claimed_at__gt=now - ALIVE).exists():
        return
    if _due_hosts():
        enqueue()


def enqueue() -> None:
    """Enqueue one slice."""
    queue.send("catalogue.tasks.copy_pictures", lane=str(Lane.DEFAULT))


def enqueue_tidy() -> None:
    """Enqueue `copies.tidy` as a task of its own: with many pictures it takes minutes, and what it did stays done."""
    queue.send("catalogue.tasks.tidy_pictures", lane=str(Lane.DEFAULT))


def work() -> None:
    """Do one slice, and enqueue the next one while more is due."""
    if run() and _due_hosts():
        enqueue()


def run() -> int:
    """Download at most `SLICE` due pictures in `SLICE_SECONDS`; return how many were downloaded or given a reason."""
    until = time.monotonic() + SLICE_SECONDS
    hosts = _due_hosts()
    share = max(SLICE // (len(hosts) or 1), LEAST_PER_HOST)
    parts = [
        rows[start::PER_HOST] for host in hosts if (rows := _claim(host, share)) for start in range(PER_HOST)
    ]
    done = 0
    with ThreadPoolExecutor(THREADS) as pool:
        # The threads use no database; what they found is written here.
        for ended in as_completed([pool.submit(_work_host, part, until) for part in parts if part]):
            worked, left, is_away = ended.result()
            PictureCopy.objects.bulk_update([*worked, *left], FIELDS)
            if is_away and left:
                due = PictureCopy.objects.filter(host=left[0].host, due_at__lte=timezone.now())
                due.update(due_at=timezone.now() + FIRST_RETRY)
            done += len(worked)
    return done


def retry_in(attempts: int) -> timedelta:
    """Return the time to the next attempt after so many failed ones: 10 min, 40 min, 3 h, 11 h … at most 7 days."""
    return min(LONGEST_RETRY, FIRST_RETRY * int(4 ** min(max(attempts - 1, 0), 6)))


def _due_hosts() -> list[str]:
    """Return hosts with due pictures, the one that waited longest first."""
    due = PictureCopy.objects.filter(due_at__lte=timezone.now())
    first = due.order_by().values("host").annotate(first=Min("due_at")).order_by("first")
    return [row["host"] for row in first[:MOST_HOSTS]]


@transaction.atomic
def _claim(host: str, limit: int) -> list[PictureCopy]:
    """Take the pictures of a host that have been due longest; other workers do not see them as due any more."""
    now = timezone.now()
    due = PictureCopy.objects.filter(host=host, due_at__lte=now).order_by("due_at", "key")
    rows = list(due.select_for_update(skip_locked=True)[:limit])
    for row in rows:
        row.attempts = min(row.attempts + 1, 1000)
        row.claimed_at, row.due_at = now, now + retry_in(row.attempts)
    PictureCopy.objects.bulk_update(rows, ("attempts", "claimed_at", "due_at"))
    return rows


def _work_host(
    rows: Sequence[PictureCopy], until: float
) -> tuple[list[PictureCopy], list[PictureCopy], bool]:
    """Download pictures of one host; return those that were tried, those left for later, whether the host is away."""
    downloader = Downloader()
    failures = 0
    worked: list[PictureCopy] = []
    try:
        for place, row in enumerate(rows):
            if failures == FAILURES_IN_A_ROW or time.monotonic() > until:
                return worked, _released(rows[place:], is_away=failures > 0), failures == FAILURES_IN_A_ROW
            failures = 0 if _work_one(downloader, row) else failures + 1
            worked.append(row)
    finally:
        downloader.close()
    return worked, [], False


def _released(rows: Sequence[PictureCopy], *, is_away: bool) -> list[PictureCopy]:
    """Give claimed pictures back: they were not tried."""
    for row in rows:
        row.attempts -= 1
        row.claimed_at = None
        row.due_at = timezone.now() + (FIRST_RETRY if is_away else timedelta(0))
    return list(rows)


def _work_one(downloader: Downloader, row: PictureCopy) -> bool:
    """Download one picture and store its copies; set the fields of its row. Return whether the host answered."""
    row.claimed_at = None
    now = timezone.now()
    try:
        if originals.is_upload(row.address):
            found = Download(originals.content_of(row.address))
        else:
            found = downloader.fetch(row.address, etag=row.etag, last_modified=row.last_modified)
        if found.content is not None:
            _store(row, found.content)
    except TemporaryError as error:
        wait = max(retry_in(row.attempts), timedelta(seconds=error.retry_after or 0))
        row.due_at, row.reason = now + wait, error.message[:300]
        if row.state != PictureCopy.State.STORED:  # a copy that is stored stays
            row.state = PictureCopy.State.FAILED
        return False
    except (ChannelError, UnusablePicture) as error:
        _set(row, PictureCopy.State.UNUSABLE, str(error), AGE_UNUSABLE)
        row.etag = row.last_modified = row.content_hash = ""
        remove_files(row.key)
        return True
    except OSError as error:  # our own disk: the host is well
        row.due_at, row.reason = now + retry_in(row.attempts), str(error)[:300]
        row.state = PictureCopy.State.FAILED
        return True
    if found.content is not None:
        row.etag, row.last_modified, row.stored_at = found.etag, found.last_modified, now
    _set(row, PictureCopy.State.STORED, "", AGE)
    return True


def _set(row: PictureCopy, state: PictureCopy.State, reason: str, age: timedelta) -> None:
    row.state, row.reason, row.attempts = state, reason[:300], 0
    # Not all at the same time: pictures that were imported together would be read again together.
    row.due_at = timezone.now() + age * uniform(0.8, 1.2)


def store_now(addresses: Sequence[str]) -> None:
    """Make the copies of uploaded pictures at once, so that the page shows them."""
    for row in PictureCopy.objects.filter(key__in=[pictures.key_of(one) for one in addresses]):
        _store(row, originals.content_of(row.address))
        row.stored_at = timezone.now()
        _set(row, PictureCopy.State.STORED, "", AGE_UNUSABLE)
        row.save(update_fields=["content_hash", "stored_at", "state", "reason", "attempts", "due_at"])


def _store(row: PictureCopy, content: bytes) -> None:
    """Write the copies of a picture, unless they are stored already. A reader sees the old file or the new one."""
    digest = hashlib.sha256(content).hexdigest()[:32]
    if digest == row.content_hash and has_files(row.key):
        return
    for size, copy in small_copies(content).items():
        file = pictures.file_of(row.key, size)
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}.part")
        part.write_bytes(copy)
        part.replace(file)
    row.content_hash = digest
