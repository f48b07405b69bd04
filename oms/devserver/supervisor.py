"""Keeps a handful of processes running in the foreground, and leaves none behind.

Each child is the head of a session (and so of a process group) of its own: Ctrl-C in the terminal reaches the
supervisor alone, and what a child started can be ended with it. A child that ends is started again, later and later
while it keeps failing. A lane of the queue that lives but no longer works (its heartbeat is older than three minutes)
is killed with its whole group, which is the only cure (`docs/operations.md`). Production units do the same.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

from oms.devserver import parent_death

GRACE = 10.0
"""Seconds between the request to end and the end. Whatever it cuts off is run again: see the queue rules."""
STALE_AFTER = timedelta(minutes=3)
HEALTHY_AFTER = 60.0
"""Seconds after which a child counts as started well, and its next failure as its first."""
KILLED_AFTER = 5.0
"""Seconds after which a child that was killed (memory, a person, its own guard) had begun to work: it did not fail by itself."""
LONGEST_WAIT = 30.0
KEPT_LOG = 10 * 1024 * 1024
"""Bytes of a log that are kept when its child starts again; the part before goes to `<name>.log.1`."""


@dataclass
class Child:
    """One process to keep running: what to start, and how it has gone so far."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    lane: str = ""
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    start_again_at: float = 0.0


class Supervisor:
    """Runs its children until it is asked to stop.

    `heartbeats` answers, for each lane, when a worker of it last did something; `say` is called with what people should see.
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        log_dir: Path,
        heartbeats: Callable[[], Mapping[str, datetime | None]] | None = None,
        say: Callable[[str], None] = print,
        grace: float = GRACE,
        first_wait: float = 1.0,
        heartbeat_period: float = 15.0,
        stale_after: timedelta = STALE_AFTER,
        killed_after: float = KILLED_AFTER,
        pause: float = 0.2,
    ) -> None:
        self.children = list(children)
        self.log_dir = log_dir
        self.heartbeats = heartbeats
        self.say = say
        self.grace = grace
        self.first_wait = first_wait
        self.heartbeat_period = heartbeat_period
        self.stale_after = stale_after
        self.killed_after = killed_after
        self.pause = pause
        self.stop_requests = 0
        self._next_heartbeat = time.monotonic() + heartbeat_period

    # --- the life of the supervisor ---

    def run(self, *, on_pass: Callable[[], bool] | None = None) -> None:
        """Start the children, supervise them until SIGINT, SIGTERM or SIGHUP, and end them all.

        `on_pass` is called on every round; when it answers False, that ends the run as well.
        """
        previous = {
            number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        for number, handler in previous.items():
            if not (
                number == signal.SIGHUP and handler == signal.SIG_IGN
            ):  # `nohup` asked to outlive the terminal
                signal.signal(number, self._on_signal)
        parent_death.adopt_orphans()
        try:
            for child in self.children:
                self.start(child)
            while not self.stop_requests:
                self.look_after()
                if on_pass is not None and not on_pass():
                    break
                time.sleep(self.pause)
        finally:
            self.stop()
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        self.stop_requests += 1

    # --- one child ---

    def start(self, child: Child) -> None:
        self.log_dir.mkdir(parents=True, exist_ok=True)
        log = self.log_dir / f"{child.name}.log"
        if log.exists() and log.stat().st_size > KEPT_LOG:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as output:
            child.process = subprocess.Popen(
                list(child.argv),
                env={**os.environ, **child.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # Safe here: this process has one thread, and the function calls the kernel once.
                preexec_fn=parent_death.end_with_parent,
            )
        child.started_at = time.monotonic()
        child.start_again_at = 0.0

    def look_after(self) -> None:
        """One round: bury who ended, start again who is due, and end a lane that no longer works."""
        now = time.monotonic()
        for child in self.children:
            if child.process is not None and _has_ended(child.process):
                lived = now - child.started_at
                code = self._end_group(child)
                # A lane's head ends with 0 when the guard below it was killed.
                was_killed = lived > self.killed_after and (code < 0 or (code == 0 and bool(child.lane)))
                child.failures = 1 if was_killed or lived > HEALTHY_AFTER else child.failures + 1
                wait = min(self.first_wait * 2 ** (child.failures - 1), LONGEST_WAIT)
                child.start_again_at = now + wait
                self.say(
                    f"{child.name} ended (exit code {code}); it starts again in {wait:g} s. See its log in {self.log_dir}."
                )
            elif child.process is None and now >= child.start_again_at:
                self.start(child)
        if self.heartbeats is not None and now >= self._next_heartbeat:
            self._next_heartbeat = now + self.heartbeat_period
            self._check_heartbeats(self.heartbeats(), now)

    def _check_heartbeats(self, beats: Mapping[str, datetime | None], now: float) -> None:
        for child in self.children:
            if not child.lane or child.process is None:
                continue
            if now - child.started_at <= self.stale_after.total_seconds():
                continue  # it has not had the time to beat
            beat = beats.get(child.lane)
            if beat is not None and datetime.now(UTC) - beat <= self.stale_after:
                continue
            self.say(
                f"{child.name} has done nothing for {self.stale_after.total_seconds():g} s; it is started anew."
            )
            self._end_group(child)
            self.start(child)

    def _end_group(self, child: Child) -> int:
        """SIGKILL for whatever is left of a child and of all it started; returns its exit code."""
        process = child.process
        assert process is not None
        # Before the head is reaped: until then its number, and so its group's, belongs to nobody else.
        with suppress(ProcessLookupError, PermissionError):  # nobody left in it; macOS says it the second way
            os.killpg(process.pid, signal.SIGKILL)
        child.process = None
        code = process.wait()
        # A killed process needs a moment to be gone; its orphans are ours to bury (`adopt_orphans`).
        deadline = time.monotonic() + 2
        while _group_exists(process.pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        return code

    # --- the end ---

    def stop(self) -> None:
        """Ask each head to end, wait the grace (a second Ctrl-C cuts it short), then kill every group."""
        alive = [child for child in self.children if child.process is not None]
        for child in alive:
            if child.process is not None and not _has_ended(child.process):
                child.process.send_signal(signal.SIGTERM)
        asked = self.stop_requests
        deadline = time.monotonic() + self.grace
        while time.monotonic() < deadline and self.stop_requests <= asked:
            if all(child.process is None or _has_ended(child.process) for child in alive):
                break
            time.sleep(0.05)
        for child in alive:
            self._end_group(child)


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether it ended, without reaping it: its number stays taken until its group is dealt with."""
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def _group_exists(number: int) -> bool:
    """Whether a group has members, after burying those that ended."""
    try:
        while os.waitpid(-number, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
    try:
        os.killpg(number, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
