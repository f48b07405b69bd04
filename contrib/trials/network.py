"""Hosts as network namespaces of Linux (root): each has its own address, processes and host name, and a line that can be cut."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass

NETWORK = "10.99.0"
BRIDGE = "omstrial0"


def run(*words: str, check: bool = True) -> str:
    return subprocess.run(words, check=check, capture_output=True, text=True).stdout


def refusal() -> str:
    """Return why namespaces cannot be made here; "" where they can."""
    if sys.platform != "linux":
        return "Network namespaces are part of Linux."
    if os.getuid() != 0:
        return "make cluster-test makes network namespaces and needs root: sudo make cluster-test"
    made = subprocess.run(["ip", "netns", "add", "omstrialtry"], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"This machine does not allow network namespaces: {made.stderr.strip()}"
    run("ip", "netns", "del", "omstrialtry")
    return ""


@dataclass(frozen=True)
class Host:
    """A namespace with one address, joined to the others by a bridge."""

    name: str
    number: int

    @property
    def address(self) -> str:
        return f"{NETWORK}.{self.number}"

    @property
    def space(self) -> str:
        return f"omstrial{self.name}"

    @property
    def line(self) -> str:
        """The end of its line at the bridge."""
        return f"omst{self.name}"

    @property
    def inside(self) -> tuple[str, ...]:
        """The beginning of a command line that runs in its network."""
        return ("ip", "netns", "exec", self.space)

    @property
    def prefix(self) -> tuple[str, ...]:
        """The same with process ids and a host name of its own. Killing its first process ends all of them."""
        return (
            *self.inside, "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--uts",
            "sh", "-c", 'hostname "$0"; exec "$@"', self.name,
        )  # fmt: skip

    def cut(self) -> None:
        """Cut its line: nothing that it sends arrives, and nobody tells it."""
        run("ip", "link", "set", self.line, "down")

    def join(self) -> None:
        run("ip", "link", "set", self.line, "up")


def make(names: dict[str, int], stack: ExitStack) -> dict[str, Host]:
    """Make a bridge (this machine is .1 on it) and these hosts with their last numbers; removed at the end of the stack."""
    subprocess.run(["ip", "link", "del", BRIDGE], capture_output=True, check=False)
    run("ip", "link", "add", BRIDGE, "type", "bridge")
    stack.callback(run, "ip", "link", "del", BRIDGE, check=False)
    run("ip", "addr", "add", f"{NETWORK}.1/24", "dev", BRIDGE)
    run("ip", "link", "set", BRIDGE, "up")
    hosts = {}
    for name, number in names.items():
        host = hosts[name] = Host(name, number)
        subprocess.run(["ip", "netns", "del", host.space], capture_output=True, check=False)
        run("ip", "netns", "add", host.space)
        stack.callback(run, "ip", "netns", "del", host.space, check=False)
        run("ip", "link", "add", host.line, "type", "veth", "peer", "name", "eth0", "netns", host.space)
        stack.callback(run, "ip", "link", "del", host.line, check=False)
        run("ip", "link", "set", host.line, "master", BRIDGE, "up")
        run(*host.inside, "ip", "addr", "add", f"{host.address}/24", "dev", "eth0")
        run(*host.inside, "ip", "link", "set", "eth0", "up")
        run(*host.inside, "ip", "link", "set", "lo", "up")
    return hosts
