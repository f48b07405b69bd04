"""The guard of a lane: it ends a lane whose waiting work nobody takes, and reports a healthy one to systemd.

It is the second net: the queue's locks (`oms.cluster.locks`) survive every killed process, except one that dies in the
microseconds in which it takes a task. Whoever started the lane starts it again (`oms.devserver.supervisor`, the unit).
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from contextlib import suppress

from django.db import DatabaseError
from django_q import cluster
from django_q.conf import Conf

from channels.workers import enqueue, hosts
from oms.cluster import beats, host_beats

log = logging.getLogger(__name__)

STUCK_SECONDS = 5.0
"""How long work waits beside an idle worker until the lane ends. A lane whose workers are all busy is never suspected."""

State = tuple[int, tuple[int | None, ...]]


class Sentinel(cluster.Sentinel):
    """django-q2's guard, which also checks the queue in each of its rounds (0.5 s)."""

    _seen: State | None = None
    _since = 0.0
    _beat_at = -host_beats.EVERY

    def start(self) -> None:
        """Start the lane's processes. Wake-ups that the last ones had in memory are lost, so others may be enqueued at once."""
        try:
            enqueue.forget_unanswered(str(Conf.CLUSTER_NAME))
        except DatabaseError:
            log.warning(
                "the database cannot be reached; lost wake-ups are enqueued again within a minute",
                exc_info=True,
            )
        beats.prepare()
        super().start()  # type: ignore[no-untyped-call]
        host_beats.forget(str(Conf.CLUSTER_NAME))  # the lane was asked to stop; a killed one leaves its file
        with suppress(DatabaseError):
            hosts.leave(str(Conf.CLUSTER_NAME))

    def status(self) -> str:
        """Return the state of the cluster; the guard asks for it in each round."""
        if self.pusher is not None and not self.stop_event.is_set():
            self._watch()
        return str(super().status())

    def _watch(self) -> None:
        now = time.monotonic()
        if now - self._beat_at >= host_beats.EVERY:
            self._beat_at = now
            host_beats.touch(str(Conf.CLUSTER_NAME))
        if beats.age() > hosts.ENDS_AFTER:
            self._end_busy_workers()
        waiting = self.task_queue.qsize()
        is_idle = any(process.is_alive() and process.timer.value < 0 for process in self.pool)
        state = (waiting, tuple(process.pid for process in self.pool))
        if waiting <= 0 or not is_idle or state != self._seen:
            self._seen, self._since = state, now
            notify("WATCHDOG=1")
        elif now - self._since > STUCK_SECONDS:
            log.critical("work waits and an idle worker does not take it: the lane ends and is started again")
            end_lane(self.parent_pid)

    def _end_busy_workers(self) -> None:
        """Kill the workers that have a task: this host does not reach the database, and others take its work over soon."""
        for process in self.pool:
            if process.timer.value > 0 and process.is_alive():
                log.critical(
                    "the database has not been reached for %.0f s: worker %s ends", beats.age(), process.pid
                )
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)


def end_lane(head: int) -> None:
    """Kill all processes of the lane, this one too; `head` is the process that started the sentinel."""
    if os.getpgrp() == head:
        os.killpg(head, signal.SIGKILL)
    os.kill(head, signal.SIGKILL)  # it is not the head of its group: its children end with it
    os.kill(os.getpid(), signal.SIGKILL)


def notify(message: str) -> None:
    """Send a message to systemd, where it started the lane and wants them (`NOTIFY_SOCKET`)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
        line.setblocking(False)
        line.sendto(message.encode(), "\0" + address[1:] if address.startswith("@") else address)
