"""What became of one message."""

from __future__ import annotations

from dataclasses import dataclass

from channels.models import AlertNotice


@dataclass(frozen=True, slots=True)
class Outcome:
    """The state that the notices of the message get, and the error in words ("" when it was sent).

    `waiting`: certainly not sent, try again. `unknown`: perhaps sent, so it is not tried again.
    """

    state: str
    error: str = ""


def sent() -> Outcome:
    """The message was accepted."""
    return Outcome(AlertNotice.State.SENT)


def retry(error: str) -> Outcome:
    """The message was certainly not sent; a later try may succeed."""
    return Outcome(AlertNotice.State.WAITING, error[:300])


def failed(error: str) -> Outcome:
    """The message was refused; the same try fails again."""
    return Outcome(AlertNotice.State.FAILED, error[:300])


def perhaps(error: str) -> Outcome:
    """Nobody can say whether the message was sent."""
    return Outcome(AlertNotice.State.UNKNOWN, error[:300])
