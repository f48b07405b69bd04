"""Record the calls to a sandbox with their answers, for the check against the official document."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support import specs


@contextmanager
def recorded(sandbox: Any, base: str) -> Iterator[list[specs.Call]]:
    """Yield the list to which each call of the block is added; `base` is cut off its path."""
    calls: list[specs.Call] = []
    handle = sandbox.handle

    def handle_and_record(request: Any) -> Any:
        response = handle(request)
        media = request.headers.get("content-type", "application/json").partition(";")[0]
        calls.append(
            specs.Call(
                request.method,
                request.path.removeprefix(base),
                request.query,
                request.body,
                response.status,
                response.body,
                media,
            )
        )
        return response

    sandbox.handle = handle_and_record
    try:
        yield calls
    finally:
        sandbox.handle = handle
