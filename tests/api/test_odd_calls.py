"""Wrong types, missing fields, unknown ids and huge values, for each operation of both descriptions: never a 5xx.

The calls are made from the OpenAPI description by a small generator with a fixed seed, so a new operation is tried too.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from oms.kit.api.keys import SCOPES
from tests.api.caller import Caller
from tests.orders.desk import stocked
from tests.wms.site import site

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-WMS-02")]

ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, 10**30, "", "x" * 5000, "\x00", "\ud800", "²", "1e999", [], {}, [None], {"a": {"b": []}},
    "2026-02-30T00:00:00Z", "9999-12-31T23:59:59+14:00", "00000000-0000-0000-0000-000000000000",
)  # fmt: skip
TRIED = 2  # odd values for each field
BODIES = (b"", b"{", b"null", b"[]", b'"text"', b"\xff\xfe", b'{"a": NaN}', b"[" * 5000, b'{"move": 1e400}')
IN_PATH = ("0", "-1", "9" * 40, "x", "%00", "00000000-0000-0000-0000-000000000000", "²")


def example(schema: dict[str, Any], document: dict[str, Any]) -> Any:
    """A value that the schema allows, as far as the schema says it."""
    if "$ref" in schema:
        return example(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document)
    if "anyOf" in schema:
        return example(schema["anyOf"][0], document)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        return {name: example(part, document) for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        return [example(schema["items"], document)]
    if kind in ("integer", "number"):
        return max(schema.get("minimum", 1), 1)
    if kind == "boolean":
        return True
    return "2026-11-21T12:00:00Z" if schema.get("format") == "date-time" else "MUG"


def broken(body: Any, rng: random.Random) -> Iterator[Any]:
    """The body with each field missing, and with some odd values in it; one level of lists is entered."""
    if not isinstance(body, dict):
        return
    for name in body:
        yield {key: value for key, value in body.items() if key != name}
        for odd in rng.sample(ODD, TRIED):
            yield {**body, name: odd}
        inner = body[name]
        if isinstance(inner, list) and inner and isinstance(inner[0], dict):
            for field in inner[0]:
                yield {**body, name: [{**inner[0], field: rng.choice(ODD)}]}
    yield {**body, "surprise": 1}


def operations(path: str) -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    document = Client().get(path).json()
    for route, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), route, operation, document


def try_all(caller: Caller, description: str, ids: list[str], *, reads: bool) -> dict[int, int]:
    """Make all odd calls of the operations that read, or of those that write; return how often each status came."""
    rng, statuses = random.Random(14), dict[int, int]()

    def note(answer: Any, what: object) -> None:
        statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
        assert answer.status_code < 500, (what, answer.content[:300])
        if answer.status_code >= 400 and answer.status_code != 404:
            assert answer["Content-Type"] == "application/problem+json", what

    for method, route, operation, document in operations(description):
        if (method == "GET") != reads:
            continue
        path = route.removeprefix(caller.base)
        filled = [path.replace("{pk}", each).replace("{uuid}", each) for each in [*IN_PATH, *ids]]
        paths = filled if "{" in path else [path]
        if method == "GET":
            for each in paths:
                note(caller.get(each), (method, each))
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "query":
                    for odd in rng.sample(ODD, TRIED):
                        if odd != "\ud800":
                            query = f"{paths[-1]}?{parameter['name']}={quote(str(odd))}"
                            note(caller.get(query), query)
            continue
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        good = example(schema, document)
        for each in paths:
            note(caller.send(method, each, good), (method, each))
        for body in (*BODIES, *broken(good, rng)):
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            note(caller.send(method, paths[-1], raw), (method, paths[-1], raw[:200]))
    return statuses


@pytest.fixture(autouse=True)
def _many_calls(settings: Any) -> None:
    settings.OMS_API_CALLS_PER_MINUTE = 100_000


@pytest.mark.parametrize("reads", [True, False], ids=["reads", "writes"])
def test_odd_calls_of_the_api(reads: bool):
    stocked("MUG", leeds=5)
    scopes = [name for name in SCOPES if not name.startswith("wms:")]
    statuses = try_all(Caller(*scopes), "/api/v1/openapi.json", ["1"], reads=reads)
    assert statuses[422] > 10
    assert not {401, 403} & set(statuses)


@pytest.mark.parametrize("reads", [True, False], ids=["reads", "writes"])
def test_odd_calls_of_a_warehouse_system(reads: bool):
    with site() as here:
        order = here.released()
        ids = [str(here.handover(order).uuid)]
        statuses = try_all(here.api, "/wms/v1/openapi.json", ids, reads=reads)
    assert statuses[422] > 10
    assert statuses[200] > 1
    assert not {401, 403} & set(statuses)
