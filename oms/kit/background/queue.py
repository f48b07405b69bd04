"""The queue: enqueue tasks in django-q2 (no other module calls it), and the functions that it may run.

An entry of the queue names its function. A worker of django-q2 would run any function of Python, `os.system` too, for
whoever can write an entry or a schedule into the database. Our brokers take only functions that an app declared (F-30).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django_q.brokers.orm import ORM
from django_q.brokers.redis_broker import Redis  # type: ignore[attr-defined]
from django_q.signing import BadSignature, SignedPackage
from django_q.tasks import async_task

log = logging.getLogger(__name__)

#: What an entry may have beside its function: django-q2 would run the functions that a hook or a chain names. `group` is a label
#: of its result: every entry of a schedule has one, its schedule's name.
OPTIONS = frozenset("id name func args kwargs started cluster ack_failure save timeout group".split())

_declared: set[str] = set()


def declare(module: str, *functions: str) -> None:
    """Allow the queue to run these functions of a module; apps call it in `registrations`."""
    _declared.update(f"{module}.{function}" for function in functions)


def declared() -> frozenset[str]:
    """Return the dotted names of the functions that the queue may run."""
    return frozenset(_declared)


def send(function: str, *args: object, lane: str) -> bool:
    """Put a task into a lane's queue: `function` is its dotted name, `args` are ids; return whether it was enqueued.

    A queue that cannot be reached is logged and does not fail the change that was committed (the broker's errors share
    no base class): the lane's tick enqueues the task again.
    """
    try:
        async_task(function, *args, cluster=lane)
    except Exception:
        log.warning("could not enqueue %s%s", function, args, exc_info=True)
        return False
    return True


def refusal(task: Mapping[str, Any]) -> str:
    """Return why an entry of the queue must not run; "" for a declared function without hook or chain."""
    function = task.get("func")
    if not isinstance(function, str) or function not in _declared:
        return f"{function!r} is not a declared function"
    if unknown := sorted(name for name, value in task.items() if name not in OPTIONS and value):
        return f"{function} has the options {', '.join(unknown)}"
    return ""


class _DeclaredOnly:
    """A broker that gives workers only what `refusal` lets pass; the rest is deleted from the queue and logged."""

    def dequeue(self) -> list[tuple[Any, Any]] | None:
        """Return entries of the queue as (id, signed task)."""
        found: list[tuple[Any, Any]] | None = super().dequeue()  # type: ignore[misc]
        return [entry for entry in found if not self._is_refused(*entry)] if found else found

    def _is_refused(self, key: Any, payload: Any) -> bool:
        try:
            why = refusal(SignedPackage.loads(payload))
        except (BadSignature, TypeError):
            return False  # django-q2 itself refuses an entry that is not signed with our key
        if why:
            log.error("the queue refused a task: %s", why)
            self.fail(key)  # type: ignore[attr-defined]
        return bool(why)


class OrmBroker(_DeclaredOnly, ORM):
    """The queue in the database."""


class RedisBroker(_DeclaredOnly, Redis):
    """The queue in Redis."""
