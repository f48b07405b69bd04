"""PostgreSQL and Redis servers of a trial: own ones, which may be killed, filled and started again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

STEP = 0.05


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int, host: str = "127.0.0.1", seconds: float = 15.0) -> bool:
    """Wait until something answers on the port; False when nothing did in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection((host, port), 1):
            return True
        time.sleep(STEP)
    return False


def programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, None where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    given = shutil.which("initdb")
    if found:
        return found[-1].parent
    return Path(given).parent if given else None


def as_postgres(*words: str) -> list[str]:
    """Return the command line that runs these words as a user who may run PostgreSQL: it refuses root."""
    return ["runuser", "-u", "postgres", "--", *words] if os.getuid() == 0 else list(words)


@dataclass
class SmallDisk:
    """A folder on a file system of its own size (root), which can be filled to its end."""

    folder: Path
    megabytes: int
    is_mounted: bool = False

    def mount(self) -> None:
        """Mount it. Without the right to do so the folder is an ordinary one, and `fill` does nothing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.getuid() == 0:
            words = ["mount", "-t", "tmpfs", "-o", f"size={self.megabytes}m", "tmpfs", str(self.folder)]
            self.is_mounted = subprocess.run(words, capture_output=True, check=False).returncode == 0

    def fill(self) -> None:
        """Use every block that is left."""
        with suppress(OSError), (self.folder / "filler").open("wb", buffering=0) as file:
            while self.is_mounted:
                file.write(b"\0" * 65536)
        with suppress(OSError), (self.folder / "filler").open("ab", buffering=0) as file:
            while self.is_mounted:
                file.write(b"\0" * 512)

    def empty(self) -> None:
        """Give the space back."""
        (self.folder / "filler").unlink(missing_ok=True)

    def unmount(self) -> None:
        if self.is_mounted:
            subprocess.run(["umount", "-l", str(self.folder)], check=False)
            self.is_mounted = False


@dataclass
class Postgres:
    """A PostgreSQL server of its own in `folder`, or the one that DATABASE_URL names, where none can be started."""

    folder: Path
    listen: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    given: str = ""
    database: str = "trial"
    prefix: tuple[str, ...] = ()  # of the command line, to run it in a network namespace

    @property
    def is_own(self) -> bool:
        return not self.given

    @property
    def url(self) -> str:
        if self.given:
            return f"{self.given.rpartition('/')[0]}/{self.database}"
        return f"postgres://trial:trial@{self.listen}:{self.port}/{self.database}"

    @property
    def admin_url(self) -> str:
        """The address of the database in which the trial's own is created."""
        return self.given or f"{self.url.rpartition('/')[0]}/postgres"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def create(self) -> None:
        """Make the cluster, start it and create an empty database."""
        tools = programs()
        if self.is_own:
            assert tools is not None
            if os.getuid() == 0:
                shutil.chown(self.folder, "postgres")
            self.folder.chmod(0o700)
            words = [
                str(tools / "initdb"),
                "-D",
                str(self.data),
                "-U",
                "trial",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
            ]
            subprocess.run(as_postgres(*words), check=True, capture_output=True, cwd="/")
            with (self.data / "pg_hba.conf").open("a") as file:
                file.write("host all all 10.99.0.0/16 trust\n")
            self.start()

    def start(self) -> None:
        """Start the server, after a crash too; wait until it answers."""
        tools = programs()
        assert tools is not None
        options = (
            f"-p {self.port} -c listen_addresses={self.listen} -c unix_socket_directories= -c max_connections=200 "
            "-c shared_buffers=64MB -c max_wal_size=96MB -c min_wal_size=32MB -c wal_keep_size=0"
        )
        words = [
            str(tools / "pg_ctl"),
            "-D",
            str(self.data),
            "-W",
            "-l",
            str(self.folder / "log"),
            "-o",
            options,
            "start",
        ]
        subprocess.run([*self.prefix, *as_postgres(*words)], check=False, capture_output=True, cwd="/")

    def is_running(self) -> bool:
        return self.pid() is not None

    def pid(self) -> int | None:
        """Return the id of its first process; None when it does not run."""
        with suppress(OSError, ValueError, IndexError):
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
            os.kill(pid, 0)
            return pid
        return None

    def stop(self) -> None:
        pid = self.pid()
        if pid is not None and self.is_own:
            os.kill(pid, signal.SIGQUIT)
            for _step in range(100):
                if self.pid() is None:
                    return
                time.sleep(STEP)


@dataclass
class Redis:
    """A Redis server of its own that stores nothing."""

    folder: Path
    listen: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    prefix: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{self.listen}:{self.port}/0"

    def start(self) -> None:
        if self.process is None and shutil.which("redis-server"):
            self.process = subprocess.Popen(
                [
                    *self.prefix, "redis-server", "--bind", self.listen, "--port", str(self.port), "--save", "",
                    "--appendonly", "no", "--dir", str(self.folder), "--protected-mode", "no",
                ],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
