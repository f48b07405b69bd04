"""Finding the processes of an installation: the tree of a lane, who waits for work, who talks to a channel."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

#: The number of the system call `read`, in which the idle worker waits that holds the lock of the queue.
READ = {"x86_64": "0", "aarch64": "63"}.get(os.uname().machine, "?")
ESTABLISHED = "01"


def children(pid: int) -> list[int]:
    """Return the ids of the processes that this one started."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(child) for child in path.read_text().split()]
    return found


def below(pid: int) -> list[int]:
    """Return a process and all processes below it."""
    return [pid, *(each for child in children(pid) for each in below(child))]


def kill(*pids: int) -> list[int]:
    """SIGKILL these processes; return those that lived."""
    killed = []
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
    return killed


def command(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def environment(pid: int, name: str) -> str:
    """Return a variable of the environment with which a process was started."""
    with suppress(OSError):
        for entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            key, _sign, value = entry.partition(b"=")
            if key.decode() == name:
                return value.decode()
    return ""


def holds_the_lock(pid: int) -> bool:
    """Whether it waits for bytes: the idle worker that holds the lock of the task queue, or the monitor."""
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/syscall").read_text().split()[0] == READ
    return False


def sockets_to(ports: set[int]) -> set[str]:
    """Return the inodes of the connections that lead to one of these ports."""
    found = set()
    with suppress(OSError):
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == ESTABLISHED and int(words[2].rpartition(":")[2], 16) in ports:
                found.add(words[9])
    return found


def in_a_call(pids: list[int], ports: set[int]) -> list[int]:
    """Return those of these processes that have a connection to one of these ports."""
    wanted = {f"socket:[{inode}]" for inode in sockets_to(ports)}
    found = []
    for pid in pids:
        with suppress(OSError):
            for link in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    if str(link.readlink()) in wanted:
                        found.append(pid)
                        break
    return found
