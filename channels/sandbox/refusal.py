"""The error of a sandbox for a call that its channel would refuse."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """A refused call: its HTTP status and the channel's document. `wait`: seconds of `Retry-After`, 0 = none."""

    def __init__(self, status: int, document: Any, *, wait: int = 0) -> None:
        super().__init__(str(document))
        self.status = status
        self.document = document
        self.wait = wait
