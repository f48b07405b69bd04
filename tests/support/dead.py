"""A worker that was killed while it held a lease."""

from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing.connection import Connection as Pipe

from oms.kit.models import leases

CONTEXT = multiprocessing.get_context("fork")


def take(pipe: Pipe) -> None:
    pipe.send(leases.new_token())
    pipe.recv()


def token_of_the_dead(*, is_reaped: bool = True) -> str:
    """Return a lease token whose process was killed. `is_reaped` False: the process is still in the process table."""
    parent, child = CONTEXT.Pipe()
    process = CONTEXT.Process(target=take, args=(child,))
    process.start()
    token: str = parent.recv()
    assert not leases.is_gone(token)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    if is_reaped:
        process.join()
    return token
