"""What the sandboxes answer when they refuse, held to the official files wherever these define the refusal.

Each operation of a whole day of the client is made again in every wrong way: without a valid key, without the
permission, over the limit, for a thing that is not there, with a body that says nothing. A status that the file does
not define for its operation is counted, not excused: the sheets have it from the channel's own pages.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from channels.contract.registry import specs as channels
from channels.sandbox.server import Request, Response
from tests.channels import test_bigcommerce_specs, test_etsy_specs, test_onbuy_specs
from tests.support import specs

NUMBER = re.compile(r"(?<=/)(\d{2,}|[A-Z0-9]{6,})(?=/|$)")


@dataclass(frozen=True)
class Kind:
    """A channel in this suite: its day, its files by the beginning of the path, how its settings break it."""

    day: Callable[[Any], None]
    files: Mapping[str, tuple[str, ...]]
    options: Mapping[str, Any]
    breaks: Mapping[int, Mapping[str, Any]]
    key: str
    sign_in: tuple[str, ...]
    least: int
    nowhere: frozenset[int]


KINDS = {
    "bigcommerce": Kind(
        test_bigcommerce_specs.every_verb,
        {"/v2": test_bigcommerce_specs.V2, "/v3": test_bigcommerce_specs.V3},
        {},
        {403: {"scopes_missing": ["/v2", "/v3"]}, 503: {"maintenance": True}},
        "x-auth-token",
        (),
        15,
        frozenset({400, 429, 503}),
    ),
    "onbuy": Kind(
        test_onbuy_specs.every_verb,
        {"/v2": ("openapi.yaml",)},
        {},
        {},
        "authorization",
        ("/v2/auth/request-token",),
        30,
        frozenset(),
    ),
    "etsy": Kind(
        test_etsy_specs.every_verb,
        {"/v3": ("oas-3.0.0.json",)},
        {"per_second": 100_000, "per_day": 1_000_000},
        {403: {"scopes": ""}},
        "authorization",
        ("/v3/public/oauth/token",),
        35,
        frozenset({429}),
    ),
}


@dataclass
class Tally:
    """What came of it: how many refusals the files define and were checked, what broke, what they leave out."""

    checked: Counter[int] = field(default_factory=Counter)
    undefined: Counter[int] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)


@contextmanager
def a_day(channel: str) -> Iterator[tuple[Any, list[Request]]]:
    """A sandbox after a whole day of the client, and the first request of each operation."""
    kind, make = KINDS[channel], channels()[channel].make_sandbox
    with make(seed="demo", **kind.options).serve() as running:
        requests: list[Request] = []
        answer = running.sandbox.respond

        def noted(request: Request) -> Response:
            requests.append(request)
            found: Response = answer(request)
            return found

        running.sandbox.respond = noted
        kind.day(running)
        running.sandbox.respond = answer
        first: dict[tuple[str, str], Request] = {}
        for request in requests:
            if running.sandbox.is_api(request) and request.path not in kind.sign_in:
                first.setdefault((request.method, NUMBER.sub("{}", request.path)), request)
        yield running.sandbox, list(first.values())


def operation_of(channel: str, request: Request) -> specs.Operation:
    path = request.path if channel == "etsy" else re.sub(r"^/stores/[^/]+", "", request.path)
    kind = KINDS[channel]
    for start, names in kind.files.items():
        if path.startswith(start):
            bare = path if channel == "etsy" else path.removeprefix(start)
            for name in names:
                if found := specs.load(specs.folder(channel) / name).find(request.method, bare):
                    return found
    raise AssertionError(f"{request.method} {request.path} is in none of the files")


def held(channel: str, request: Request, response: Response, tally: Tally) -> None:
    """Check the body of a refusal where the file defines its status for this operation."""
    operation = operation_of(channel, request)
    known = operation.item[operation.method].get("responses") or {}
    if not {str(response.status), response.status, "default"} & set(known):
        tally.undefined[response.status] += 1
        return
    call = specs.Call(request.method, request.path, [], b"", response.status, response.body)
    words = [said for said in operation.check(replace(call, body=b"")) if " answer" in said]
    tally.checked[response.status] += 1
    tally.broken += words


def refusals(channel: str, sandbox: Any, requests: list[Request]) -> Iterator[tuple[int, Request, Response]]:
    """Every operation in every wrong way: the status it is about, what was asked, what was answered."""
    kind = KINDS[channel]
    if channel == "onbuy":  # a newer token has killed the older ones
        living = list(sandbox.tokens)[-1]
        requests = [replace(one, headers={**one.headers, "authorization": living}) for one in requests]
    for request in requests:
        headers = {**request.headers, kind.key: "Bearer 1.wrong" if channel == "etsy" else "wrong"}
        yield 401, request, sandbox.respond(replace(request, headers=headers))
    for status, settings in kind.breaks.items():
        before = {name: sandbox.configure()[name] for name in settings}
        sandbox.configure(**settings)
        for request in requests:
            yield status, request, sandbox.respond(request)
        sandbox.configure(**before)
    for request in requests:
        sandbox.inject("rate_limit", retry_after=17)
        yield 429, request, sandbox.respond(request)
    for request in requests:
        away = NUMBER.sub(
            lambda found: "9" * len(found[0]) if found[0].isdigit() else "ZZZZZZ9", request.path
        )
        if away != request.path:
            if channel == "bigcommerce":
                away = re.sub(r"^/stores/[^/]+", f"/stores/{sandbox.store_hash}", away)
            yield 404, request, sandbox.respond(replace(request, path=away))
    for request in requests:
        if request.method != "GET" and request.body.startswith((b"{", b"[")):
            yield 400, request, sandbox.respond(replace(request, body=b"{}"))


@pytest.mark.parametrize("channel", KINDS)
def test_refusals_are_as_the_official_files_say(channel: str) -> None:
    specs.folder(channel)
    tally, met = Tally(), Counter[int]()
    with a_day(channel) as (sandbox, requests):
        assert len(requests) >= 15
        for status, request, response in refusals(channel, sandbox, requests):
            met[status] += response.status == status
            if response.status >= 400:
                held(channel, request, response, tally)

    assert "\n".join(dict.fromkeys(tally.broken)) == ""
    assert (met[401], met[429]) == (len(requests), len(requests))
    assert sum(tally.checked.values()) >= KINDS[channel].least
    # What no operation defines; the sheets have these from the channel's own pages.
    assert set(tally.undefined) - set(tally.checked) == KINDS[channel].nowhere
