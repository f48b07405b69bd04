"""What the house adds to a first sync, and what it makes of the requests that a channel allows.

added   (ours - bare) / bare. Ours: connect by the seller's credentials, first sync to its report, over HTTP against
        the channel's sandbox in a process of its own, real page sizes, limits off. Bare: the very same requests once
        more by a plain client that throws the answers away. Interleaved rounds, medians of the rounds' ratios.
used    with the limits on, and a bucket so small that it is always the brake: requests made / requests allowed
        (capacity + rate x time) from the first request to the last, and by how many any stretch went over (0).

2,000 products and 1,000 orders; `--full`: 20,000 and 10,000. A channel without a way in here is left out.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from benchmarks._house import ROUNDS, empty, figure, in_house, sandbox, seconds

NAME = "first_sync"
PRODUCTS, ORDERS = (20_000, 10_000) if "--full" in sys.argv else (2_000, 1_000)
TIMES = min(ROUNDS, 3)

Sent = tuple[float, str, str, dict[str, str], bytes | None]


# ---------------------------------------------------------------- each channel's way in


def _sign_again(credentials: dict[str, str], sent: Sent) -> dict[str, str]:
    """OpenCart refuses a nonce that it has seen."""
    import secrets

    from channels.opencart.auth import signature

    _at, method, url, headers, body = sent
    stamp, nonce = str(int(time.time())), secrets.token_hex(16)
    params = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    signed = signature(
        credentials["secret_key"],
        timestamp=stamp,
        nonce=nonce,
        method=method,
        params=params,
        body=body or b"",
    )
    return {**headers, "X-OMS-Timestamp": stamp, "X-OMS-Nonce": nonce, "X-OMS-Signature": signed}


def _as_sent(credentials: dict[str, str], sent: Sent) -> dict[str, str]:
    return sent[3]


#: channel -> how a request is made valid once more
CHANNELS: dict[str, Callable[[dict[str, str], Sent], dict[str, str]]] = {
    "opencart": _sign_again,
    "bigcommerce": _as_sent,
    "onbuy": _as_sent,
}


# ---------------------------------------------------------------- ours and bare


@contextmanager
def recording() -> Any:
    """The requests that are sent inside, in order, with the moment of each."""
    import requests

    seen: list[Sent] = []
    real = requests.Session.send

    def send(self: Any, request: Any, **options: Any) -> Any:
        seen.append((time.monotonic(), request.method, request.url, dict(request.headers), request.body))
        return real(self, request, **options)

    requests.Session.send = send  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        requests.Session.send = real  # type: ignore[method-assign]


def connect(channel: str, shop: dict[str, Any], *, capacity: float, per_second: float) -> Any:
    from channels import services
    from channels.models import Budget

    store = services.connect(channel=channel, name="Bench", credentials=shop["credentials"])
    Budget.objects.filter(pk=store.pk).update(capacity=capacity, tokens=capacity, per_second=per_second)
    return store


def work(store: Any) -> None:
    """What a worker does, alone with this job: work a slice, and come back when the job wants it."""
    from django.utils import timezone

    from channels import first_sync
    from oms.kit import jobs

    job = first_sync.latest(store)
    assert job is not None
    while True:
        jobs.work(job.pk)
        job.refresh_from_db()
        if job.finished_at:
            break
        if job.not_before:
            time.sleep(max((job.not_before - timezone.now()).total_seconds(), 0))
    assert job.state == "done", job.message


def bare(sent: list[Sent], valid: Callable[[dict[str, str], Sent], dict[str, str]], credentials: Any) -> None:
    import requests

    with requests.Session() as session:
        session.trust_env = False
        for one in sent:
            answer = session.request(one[1], one[2], headers=valid(credentials, one), data=one[4])
            assert answer.status_code < 400, answer.text[:300]


def added(channel: str, shop: dict[str, Any]) -> None:
    from catalogue.models import Variant
    from orders.models import Order

    ratios, ours_took, bare_took, count = [], [], [], 0
    for turn in range(TIMES + 1):
        empty()
        store = connect(channel, shop, capacity=1e9, per_second=1e9)
        with recording() as sent:
            took = seconds(lambda: work(store))  # noqa: B023 (called at once)
        assert (Variant.objects.count(), Order.objects.count()) >= (PRODUCTS, ORDERS * 9 // 10)
        reads = [one for one in sent if one[1] == "GET"]
        plain = seconds(lambda: bare(reads, CHANNELS[channel], shop["credentials"]))  # noqa: B023
        if turn:  # the first round warms both sides
            ours_took.append(took)
            bare_took.append(plain)
            ratios.append((took - plain) / plain)
            count = len(reads)
    more = {"channel": channel, "products": PRODUCTS, "orders": ORDERS, "rounds": TIMES}
    figure(NAME, "ours", statistics.median(ours_took), "s", requests=count, **more)
    figure(NAME, "bare", statistics.median(bare_took), "s", requests=count, **more)
    each = (statistics.median(ours_took) - statistics.median(bare_took)) * 1000 / (PRODUCTS + ORDERS)
    figure(NAME, "added", each, "ms per product or order", **more)
    figure(NAME, "added_to_bare", statistics.median(ratios), "ratio", target=0.5, **more)


def used(channel: str, shop: dict[str, Any], *, capacity: int, per_second: float) -> None:
    empty()
    store = connect(channel, shop, capacity=capacity, per_second=per_second)
    with recording() as sent:
        work(store)
    moments = [one[0] for one in sent]
    span = moments[-1] - moments[0]
    allowed = capacity + per_second * span
    over = max(
        later - earlier + 1 - capacity - per_second * (moments[later] - moments[earlier])
        for earlier in range(len(moments))
        for later in range(earlier, len(moments))
    )
    more = {"channel": channel, "capacity": capacity, "per_second": per_second, "seconds": round(span, 1)}
    figure(NAME, "used_of_allowed", len(moments) / allowed, "ratio", target=0.9, **more)
    figure(NAME, "more_than_allowed", max(over, 0.0), "requests", target=0, **more)


def measure() -> None:
    chosen = [name for name in CHANNELS if f"--{name}" in sys.argv] or list(CHANNELS)
    for channel in chosen:
        with sandbox(channel, products=PRODUCTS, orders=ORDERS) as shop:
            added(channel, shop)
            used(channel, shop, capacity=4, per_second=2)


if __name__ == "__main__":
    in_house(measure)
