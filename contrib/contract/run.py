"""`make contract`: call every method of each adapter, with Stoplight Prism between the client and its sandbox.

Prism checks requests and answers against the channel's official OpenAPI files. A finding that is not listed in
`tests/support/spec_exceptions.py` breaks the contract. OMS_SPECS is the folder of the files.

Exit codes: 0 no finding, 1 broken, 2 cannot be run (no OMS_SPECS, no npm).
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT), str(HERE)]
BUILD = ROOT / "build"
#: Methods that may send no request: they read a webhook, a fixed table, or the result of the last call.
WITHOUT_REQUEST = {"check_listing", "plan_listing", "read_order", "read_webhook", "pull_statuses", "renewed"}

if TYPE_CHECKING:
    from router import Findings

    from tests.support.spec_exceptions import Known


@dataclass(frozen=True)
class Part:
    """Files with one prefix: `pattern` matches it in a call, `address` returns it on the sandbox."""

    pattern: str
    address: Callable[[Any], str]
    files: Sequence[str]


@dataclass(frozen=True)
class Shop:
    """A channel's sandbox, its files, and the test module with `every_verb(running)`."""

    channel: str
    day: str
    parts: Sequence[Part]
    options: dict[str, Any] = field(default_factory=dict)


def shops() -> list[Shop]:
    from tests.channels import test_bigcommerce_specs as bigcommerce

    return [
        Shop(
            "bigcommerce",
            "tests.channels.test_bigcommerce_specs",
            [
                Part(r"/stores/[^/]+/v2", lambda s: f"{s.url}/stores/{s.store_hash}/v2", bigcommerce.V2),
                Part(r"/stores/[^/]+/v3", lambda s: f"{s.url}/stores/{s.store_hash}/v3", bigcommerce.V3),
            ],
        ),
        Shop(
            "onbuy",
            "tests.channels.test_onbuy_specs",
            [Part("/v2", lambda s: f"{s.url}/v2", ("openapi.yaml",))],
        ),
        Shop(
            "etsy",
            "tests.channels.test_etsy_specs",
            [Part("", lambda s: s.url, ("oas-3.0.0.json",))],
            {"per_second": 10_000},
        ),
    ]


@dataclass
class Outcome:
    requests: int = 0
    answers: int = 0
    broken: int = 0
    listed: int = 0


def run_shop(shop: Shop, specs: Path, prism: Path) -> Outcome:
    from prism import proxies
    from router import Proxy, Router

    from channels.sandbox.server import Running
    from tests.support.spec_exceptions import EXCEPTIONS
    from tests.support.specs import load

    started = time.monotonic()
    make_sandbox = import_module(f"channels.connectors.{shop.channel}.sandbox").make_sandbox
    day = import_module(shop.day).every_verb
    pairs = [(part, specs / shop.channel / name) for part in shop.parts for name in part.files]
    troubles: list[str] = []
    with make_sandbox(seed="demo", **shop.options).serve() as running, uncalled_verbs(shop.channel) as silent:
        behind = [(readable(specs, file), part.address(running.sandbox)) for part, file in pairs]
        with proxies(prism, behind, BUILD / "contract" / f"{shop.channel}.log") as ports:
            rows = [
                Proxy(re.compile(part.pattern), load(file), port)
                for (part, file), port in zip(pairs, ports, strict=True)
            ]
            router = Router(rows, int(running.url.rpartition(":")[2]))
            with router.serve() as url:
                given = {
                    name: str(value).replace(running.url, url) for name, value in running.credentials.items()
                }
                try:
                    day(Running(url, given, running.sandbox))
                except Exception:  # noqa: BLE001  (any error is reported, together with the findings so far)
                    troubles.append(f"the run ended early:\n{traceback.format_exc()}")
        troubles += [f"{verb} was never called" for verb in sorted(silent)]
    known = EXCEPTIONS.get(shop.channel, ())
    return report(shop.channel, router.findings, known, troubles, time.monotonic() - started)


@contextmanager
def uncalled_verbs(channel: str) -> Iterator[set[str]]:
    """Yield the names of the adapter's methods; each is removed when it is called."""
    from channels.contract.adapter import ChannelAdapter
    from channels.contract.registry import spec_for

    kind = spec_for(channel).adapter_class()
    verbs = {
        name for name, value in vars(ChannelAdapter).items() if not name.startswith("_") and callable(value)
    }
    own = {
        name for name in verbs - WITHOUT_REQUEST if getattr(kind, name) is not getattr(ChannelAdapter, name)
    }
    left = set(own)

    def watched(name: str, verb: Any) -> Any:
        @wraps(verb)
        def call(*args: Any, **kwargs: Any) -> Any:
            left.discard(name)
            return verb(*args, **kwargs)

        return call

    with ExitStack() as stack:
        for name in own:
            stack.enter_context(mock.patch.object(kind, name, watched(name, getattr(kind, name))))
        yield left


def readable(specs: Path, file: Path) -> Path:
    """Return the file, or a copy with the changes that `spec_exceptions.MENDS` has for it."""
    from tests.support.spec_exceptions import MENDS

    mends = MENDS.get(str(file.relative_to(specs)), ())
    if not mends:
        return file
    document = json.loads(file.read_text(encoding="utf-8"))
    for mend in mends:
        mend.change(document)
    copy = BUILD / "contract" / file.relative_to(specs)
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(json.dumps(document), encoding="utf-8")
    return copy


def report(
    channel: str, findings: Findings, known: Sequence[Known], troubles: Sequence[str], seconds: float
) -> Outcome:
    """Print the findings of one channel; listed mistakes of the documents are counted separately. Return the counts."""
    broken: list[tuple[str, int]] = []
    listed = 0
    used: dict[str, int] = {}
    for text, times in sorted(findings.complaints.items()):
        entry = next((one for one in known if one.prism and re.search(one.prism, text)), None)
        if entry is None:
            broken.append((text, times))
        else:
            listed += times
            used[entry.reason] = used.get(entry.reason, 0) + times
    print(
        f"{channel}: {findings.requests} requests and {findings.answers} answers checked in {seconds:.0f} s, "
        f"{len(findings.operations)} operations of the documents, {findings.outside} calls outside of them; "
        f"{len(broken) + len(troubles)} broke, {listed} findings are on the list"
    )
    for reason, times in used.items():
        print(f"  listed {times:4d} x  {reason}")
    for text, times in broken:
        print(f"  BROKEN {times:4d} x  {text}")
    for text in troubles:
        print(f"  BROKEN         {text}")
    for entry in known:
        if entry.prism and entry.reason not in used:
            print(f"  not seen in this run   {entry.reason}")
    return Outcome(findings.requests, findings.answers, len(broken) + len(troubles), listed)


def main() -> int:
    place = os.environ.get("OMS_SPECS", "")
    if not place or not Path(place).is_dir():
        print(
            "Set OMS_SPECS to the folder that has one folder of OpenAPI files for each channel.",
            file=sys.stderr,
        )
        return 2
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    from django.conf import settings

    settings.OMS_CHANNELS = [f"channels.connectors.{shop.channel}" for shop in shops()]
    from prism import NoPrism, install

    from tests.support import network

    network.close()
    chosen = sys.argv[1:]
    total = Outcome()
    try:
        prism = install(BUILD / "prism")
        for shop in shops():
            if not chosen or shop.channel in chosen:
                seen = run_shop(shop, Path(place).resolve(), prism)
                for name in vars(total):
                    setattr(total, name, getattr(total, name) + getattr(seen, name))
    except NoPrism as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{total.requests} requests and {total.answers} answers checked, {total.broken} broke.")
    return 1 if total.broken else 0


if __name__ == "__main__":
    sys.exit(main())
