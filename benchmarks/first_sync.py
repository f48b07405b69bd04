# long because: four channels and their limits are measured in one run.
"""Time that Manifold adds to a first sync over HTTP, and how much of a channel's request limits it uses.

Manifold: connect a store and run the first sync to its report, against the channel's sandbox in its own process, with real
page sizes. Bare: the same read requests again, by a plain client that ignores the answers. Both in one run, one after the other.

engine    without limits: (manifold - bare) / bare, and the time and processor time of one product or order.
          2,000 products and 1,000 orders, with `--full` 20,000 and 10,000; medians of the rounds
limits    `--limits`: 20,000 and 10,000 with the limits of the real channel on both sides; the bare client is as fast as they
          allow; one round. Also: requests made / requests allowed between the first and the last, where a limit was reached;
          requests above the limit in any period (target 0), and answers 429 (target 0)
hour      `--onbuy --hour`: OnBuy's limit of 600 reads an hour as 30 in 20 seconds, so that it is reached; 2,000 and 1,000
network   `--network=0.2`: each answer is delayed by this many seconds, on both sides

`first_sync --opencart --limits` chooses.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from benchmarks._common import ROUNDS, empty, figure, in_own_database, sandbox, seconds
from benchmarks.live_budget import lever, over

NAME = "first_sync"
FULL = (20_000, 10_000)
SMALL = FULL if "--full" in sys.argv else (2_000, 1_000)
TIMES = min(ROUNDS, 3)
NETWORK = next(
    (float(argument.partition("=")[2]) for argument in sys.argv if argument.startswith("--network=")), 0.0
)


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that was sent, with the status of its answer."""

    at: float
    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None
    status: int


# ---------------------------------------------------------------- limits


@dataclass(frozen=True, slots=True)
class Bucket:
    """`capacity` requests at once, and `per_second` more each second."""

    capacity: float
    per_second: float


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` requests in any `seconds`."""

    limit: int
    seconds: float


Limit = Bucket | Window


@dataclass(slots=True)
class Pace:
    """Waits before each request until all limits allow it."""

    limits: Sequence[Limit]
    moments: list[float] = field(default_factory=list)
    full: dict[Bucket, float] = field(default_factory=dict)  # when each bucket is full again

    def wait(self) -> None:
        now = time.monotonic()
        free = [now]
        for limit in self.limits:
            if isinstance(limit, Bucket):
                free.append(self.full.get(limit, now) - (limit.capacity - 1) / limit.per_second)
            elif len(self.moments) >= limit.limit:
                free.append(self.moments[-limit.limit] + limit.seconds)
        time.sleep(max(free) - now)
        now = time.monotonic()
        self.moments.append(now)
        for limit in self.limits:
            if isinstance(limit, Bucket):
                self.full[limit] = max(self.full.get(limit, now), now) + 1 / limit.per_second


def used(moments: Sequence[float], limits: Sequence[Limit]) -> float | None:
    """Requests made / requests allowed, by the limit that was reached; None when none was reached."""
    span = moments[-1] - moments[0]
    parts = []
    for limit in limits:
        if isinstance(limit, Bucket):
            if len(moments) > limit.capacity:
                parts.append(len(moments) / (limit.capacity + limit.per_second * span))
        elif whole := int(span // limit.seconds):
            inside = sum(moment - moments[0] < whole * limit.seconds for moment in moments)
            parts.append(inside / (limit.limit * whole))
    return max(parts, default=None)


def too_many(moments: Sequence[float], limits: Sequence[Limit]) -> float:
    """Return by how many requests any period went over a limit."""
    found = 0.0
    for limit in limits:
        if isinstance(limit, Bucket):
            found = max(found, over(moments, limit.capacity, limit.per_second))
            continue
        for place, moment in enumerate(moments[limit.limit :]):
            found = max(found, float(moment - moments[place] < limit.seconds))
    return found


# ---------------------------------------------------------------- credentials and headers


def _as_sent(credentials: Mapping[str, str], sent: Sent) -> dict[str, str]:
    return sent.headers


def _sign_again(credentials: Mapping[str, str], sent: Sent) -> dict[str, str]:
    """Return headers with a new signature: OpenCart refuses a nonce that was used before."""
    import secrets

    from channels.connectors.opencart.auth import signature

    stamp, nonce = str(int(time.time())), secrets.token_hex(16)
    params = dict(parse_qsl(urlsplit(sent.url).query, keep_blank_values=True))
    signed = signature(
        credentials["secret_key"],
        timestamp=stamp,
        nonce=nonce,
        method=sent.method,
        params=params,
        body=sent.body or b"",
    )
    return {**sent.headers, "X-OMS-Timestamp": stamp, "X-OMS-Nonce": nonce, "X-OMS-Signature": signed}


def _as_given(shop: Mapping[str, Any]) -> Mapping[str, str]:
    return dict(shop["credentials"])


def _signed_in(shop: Mapping[str, Any]) -> Mapping[str, str]:
    """Return Etsy's credentials: the owner allows the application, and the code is exchanged for tokens."""
    import requests

    from channels.connectors.etsy import auth
    from channels.connectors.etsy.client import app_of, ask_token
    from channels.http.session import ChannelSession
    from channels.models import Connection

    given = {
        name: shop["credentials"][name] for name in ("api_url", "sign_in_url", "keystring", "shared_secret")
    }
    app, verifier, back = app_of(given), auth.new_verifier(), "https://oms.example/callback/"
    page = auth.sign_in_url(
        app.sign_in_url, keystring=app.keystring, redirect_uri=back, state="s", verifier=verifier
    )
    answer = requests.get(f"{page}&answer=allow", allow_redirects=False, timeout=10)
    code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
    fields = {"grant_type": "authorization_code", "client_id": app.keystring, "redirect_uri": back}
    fields |= {"code": code, "code_verifier": verifier}
    return {**given, **ask_token(ChannelSession(Connection(channel="etsy", name="Bench")), app, fields)}


@dataclass(frozen=True, slots=True)
class Channel:
    """`limits` of the real channel, and the same limits as settings of its sandbox."""

    limits: Sequence[Limit]
    settings: Mapping[str, Any] = field(default_factory=dict)
    free: Mapping[str, Any] = field(default_factory=dict)
    keys: Callable[[Mapping[str, Any]], Mapping[str, str]] = _as_given
    valid: Callable[[Mapping[str, str], Sent], dict[str, str]] = _as_sent


CHANNELS = {
    "opencart": Channel([Bucket(20, 10)], free={"request_budget": 0}, valid=_sign_again),
    "bigcommerce": Channel(
        [Window(150, 30)], {"quota": 150, "window_ms": 30_000}, {"quota": 0, "window_ms": 30_000}
    ),
    "onbuy": Channel([Bucket(240, 20), Window(600, 3600)], {"limits": {"GET": 600}}, {"limits": {}}),
    "etsy": Channel(
        [Window(10, 1), Window(10_000, 86_400)],
        {"per_second": 10, "per_day": 10_000},
        {"per_second": 1_000_000, "per_day": 1_000_000_000},
        keys=_signed_in,
    ),
}


# ---------------------------------------------------------------- Manifold and the bare client


@contextmanager
def recording() -> Iterator[list[Sent]]:
    """Collect the requests that are sent in the block, in their order."""
    import requests

    seen: list[Sent] = []
    real = requests.Session.send

    def send(self: Any, request: Any, **options: Any) -> Any:
        at = time.monotonic()
        answer = real(self, request, **options)
        seen.append(
            Sent(at, request.method, request.url, dict(request.headers), request.body, answer.status_code)
        )
        return answer

    requests.Session.send = send  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        requests.Session.send = real  # type: ignore[method-assign]


def connect(channel: str, credentials: Mapping[str, str], *, is_limited: bool) -> Any:
    from channels.http import app_quota
    from channels.models import AppQuota, Budget
    from channels.stores import connect as stores_connect

    store = stores_connect.connect(channel=channel, name="Bench", credentials=credentials)
    if not is_limited:
        Budget.objects.filter(pk=store.pk).update(capacity=1e9, tokens=1e9, per_second=1e9)
        app_quota.take(store)
        AppQuota.objects.update(per_second=1e6, per_day=1e9, left_today=1e9)
    return store


def work(store: Any) -> None:
    """Do what a worker does with this job: work a slice, and continue at the time that the job asks for."""
    from django.utils import timezone

    from channels.stores import first_sync
    from oms.kit.background import jobs

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


def bare(
    sent: Sequence[Sent], channel: Channel, credentials: Mapping[str, str], limits: Sequence[Limit]
) -> None:
    """Send the same read requests as fast as these limits allow, and ignore the answers."""
    import requests

    pace = Pace(limits)
    with requests.Session() as session:
        session.trust_env = False
        for one in sent:
            pace.wait()
            answer = session.request(
                one.method, one.url, headers=channel.valid(credentials, one), data=one.body
            )
            assert answer.status_code < 400, answer.text[:300]


@dataclass(frozen=True, slots=True)
class Round:
    """One round: seconds of both sides, Manifold's processor time, and the requests."""

    manifold: float
    bare: float
    busy: float
    statements: int
    sent: Sequence[Sent]

    @property
    def ratio(self) -> float:
        return (self.manifold - self.bare) / self.bare


def run_round(name: str, shop: Mapping[str, Any], size: tuple[int, int], *, is_limited: bool) -> Round:
    from django.db import connection

    from catalogue.models import Variant
    from orders.models import Order

    channel = CHANNELS[name]
    empty()
    lever(shop, "configure", **(channel.settings if is_limited else channel.free))
    credentials = channel.keys(shop)
    count = 0

    def counted(execute: Any, *arguments: Any) -> Any:
        nonlocal count
        count += 1
        return execute(*arguments)

    store = connect(name, credentials, is_limited=is_limited)
    busy = time.process_time()
    with recording() as sent, connection.execute_wrapper(counted):
        took = seconds(lambda: work(store))
    busy = time.process_time() - busy
    assert (Variant.objects.count(), Order.objects.count()) >= (size[0], size[1] * 9 // 10)
    lever(shop, "configure", **channel.free)  # the bare client limits itself
    reads = [one for one in sent if one.method == "GET" and one.status < 400]
    limits = channel.limits if is_limited else ()
    plain = seconds(lambda: bare(reads, channel, credentials, limits))
    return Round(took, plain, busy, count, sent)


def engine(name: str, shop: Mapping[str, Any]) -> None:
    rounds = [run_round(name, shop, SMALL, is_limited=False) for _time in range(TIMES + 1)][
        1:
    ]  # the first round warms up
    more = {"channel": name, "products": SMALL[0], "orders": SMALL[1], "rounds": TIMES, "network": NETWORK}

    def middle(values: Iterator[float]) -> float:
        return statistics.median(values)

    of = sum(SMALL) / 1000
    requests = len(rounds[-1].sent)
    figure(NAME, "engine_manifold", middle(one.manifold for one in rounds), "s", requests=requests, **more)
    figure(NAME, "engine_bare", middle(one.bare for one in rounds), "s", requests=requests, **more)
    figure(
        NAME, "engine_added", middle((one.manifold - one.bare) / of for one in rounds), "ms an object", **more
    )
    figure(
        NAME,
        "engine_busy",
        middle(one.busy / of for one in rounds),
        "ms of client processor an object",
        **more,
    )
    figure(
        NAME, "engine_statements", middle(one.statements / of / 1000 for one in rounds), "an object", **more
    )
    figure(NAME, "engine_added_to_bare", middle(one.ratio for one in rounds), "ratio", **more)


def limits(name: str, shop: Mapping[str, Any], size: tuple[int, int]) -> None:
    one = run_round(name, shop, size, is_limited=True)
    channel = CHANNELS[name]
    asked = [
        request for request in one.sent if "/oauth/" not in request.url
    ]  # a request for a token does not count
    moments = sorted(request.at for request in asked)
    more = {
        "channel": name,
        "products": size[0],
        "orders": size[1],
        "requests": len(asked),
        "network": NETWORK,
    }
    figure(NAME, "limits_manifold", one.manifold, "s", **more)
    figure(NAME, "limits_bare", one.bare, "s", **more)
    figure(NAME, "limits_added_to_bare", one.ratio, "ratio", target=0.5, **more)
    if (share := used(moments, channel.limits)) is not None:
        figure(NAME, "used_of_allowed", share, "ratio", target=0.9, **more)
    figure(NAME, "more_than_allowed", too_many(moments, channel.limits), "requests", target=0, **more)
    refused = sum(request.status == 429 for request in one.sent)
    figure(NAME, "refused", refused, "answers 429", target=0, **more)


def shorten_the_hour() -> None:
    """Make OnBuy's limit for reads 30 in 20 seconds."""
    from channels.contract import registry
    from channels.contract.spec import BudgetWindow

    known = registry.specs()
    spec = known["onbuy"]
    budget = replace(spec.budget, windows=(BudgetWindow(20, 30, "GET"),))
    known["onbuy"] = replace(spec, budget=budget)
    CHANNELS["onbuy"] = replace(CHANNELS["onbuy"], limits=[Window(30, 20)], settings={})


def measure() -> None:
    if is_hour := "--hour" in sys.argv:
        shorten_the_hour()
    is_limited = is_hour or "--limits" in sys.argv
    size = SMALL if is_hour or not is_limited else FULL
    for name in [name for name in CHANNELS if f"--{name}" in sys.argv] or list(CHANNELS):
        with sandbox(name, products=size[0], orders=size[1]) as shop:
            if NETWORK:
                lever(shop, "faults", kind="slow", times=None, seconds=NETWORK)
            if is_limited:
                limits(name, shop, size)
            else:
                engine(name, shop)


if __name__ == "__main__":
    in_own_database(measure)
