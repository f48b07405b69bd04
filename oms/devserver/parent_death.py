"""Ties a process to the one that started it, so that nothing outlives a supervisor or cluster that was killed.

django-q's cluster is a family of processes. When its head is killed, the rest goes on as orphans: working, without
scheduler and guard, beside the cluster that is started in its place. The kernel can end them with their parent
(`PR_SET_PDEATHSIG`); it forgets that wish at each fork, so it is made anew after each. Linux only; elsewhere the
calls do nothing.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
# Loaded now: between fork and exec there is no safe moment for it.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
_forked_by = 0


def end_with_parent(signum: int = signal.SIGKILL) -> None:
    """Ask the kernel to send this process `signum` when its parent ends."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(signum), 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of every process below this one whose own parent ends, so that it can be waited for."""
    if _libc is not None:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def tie_forks() -> None:
    """From now on, every process forked from this one, and from those, ends with its parent."""
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)


def _before_fork() -> None:
    global _forked_by
    _forked_by = os.getpid()


def _after_fork() -> None:
    end_with_parent()
    if os.getppid() != _forked_by:  # it ended before the wish was made
        os._exit(1)
