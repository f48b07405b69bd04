"""The error that a sandbox raises when its channel would refuse a call."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """A call that is refused: the HTTP status and the channel's own document. `wait`: seconds of `Retry-After`, 0 = none."""

    def __init__(self, status: int, document: Any, *, wait: int = 0) -> None:
        super().__init__(str(document))
        self.status = status
        self.document = document
        self.wait = wait
