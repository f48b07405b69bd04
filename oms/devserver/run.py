"""`make run`: everything that Manifold needs on this machine, from an empty folder to an address that answers."""

from __future__ import annotations

import fcntl
import http.client
import importlib.util
import os
import secrets
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command, get_commands
from django.db import DatabaseError, connection

from channels.workers import heartbeat
from oms import health
from oms.devserver import demo
from oms.devserver.local_settings import cannot_write
from oms.devserver.sandboxes import CARRIER_SANDBOXES, sandbox_settings
from oms.devserver.supervisor import Child, Supervisor

HOST = "127.0.0.1"
PATIENCE = 120.0
"""Seconds in which the web server must have answered once."""
USER = "admin"


class CannotRun(Exception):
    """Why Manifold cannot be started here: a sentence for the person at the terminal."""


def run(*, port: int, say: Callable[[str], None]) -> None:
    """Prepare, start everything, print its address, and supervise it until Ctrl-C.

    Raises `CannotRun` when the port is taken, another one runs in this folder, or the web server never answers.
    """
    var_dir: Path = settings.VAR_DIR
    check_writable(var_dir)
    os.chdir(settings.BASE_DIR)  # the children import from here, wherever the command was given
    with only_one_in(var_dir):
        claim_port(port)
        sandboxes = sandbox_ports(var_dir, near=port, say=say) if settings.OMS_DEMO else {}
        os.environ["OMS_PUBLIC_URL"] = f"http://{HOST}:{port}"
        for key, number in sandboxes.items():
            os.environ[f"OMS_SANDBOX_{key.upper()}_URL"] = f"http://{HOST}:{number}"
            for name, value in sandbox_settings(key, f"http://{HOST}:{number}").items():
                os.environ.setdefault(name, value)
        children = [
            *sandbox_children(var_dir, sandboxes),
            web_child(port),
            *[lane_child(lane) for lane in settings.OMS_LANES],
        ]
        prepare(say)
        password = ensure_people(var_dir, say)
        connection.close()
        supervisor = Supervisor(children, log_dir=var_dir / "log", heartbeats=lane_heartbeats(), say=say)
        welcome = Welcome(port=port, password=password, sandboxes=sandboxes, log_dir=var_dir / "log", say=say)
        supervisor.run(on_pass=welcome)
        if welcome.gave_up:
            log = var_dir / "log" / "web.log"
            raise CannotRun(f"The web server did not answer within {PATIENCE:g} s; {log} says why.")
        say("Manifold OMS has ended.")


# --- what must be free ---


def check_writable(var_dir: Path) -> None:
    """Raise `CannotRun` when nothing can be saved in the data folder, or in the SQLite file that is in it."""
    try:
        health.check_folder(var_dir)
        database = settings.DATABASES["default"]
        if database["ENGINE"].endswith("sqlite3"):
            with Path(database["NAME"]).open("ab"):
                pass  # before SQLite opens it: closing it later would end SQLite's locks of this process
    except OSError as error:
        raise CannotRun(cannot_write(var_dir, error)) from error


@contextmanager
def only_one_in(var_dir: Path) -> Iterator[None]:
    """Hold this folder: two supervisors on one database would run everything twice. Freed by the kernel at our end."""
    with (var_dir / "run.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise CannotRun(
                f"Manifold OMS already runs from this folder (process {lock.read().strip()})."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def needs_root(port: int) -> bool:
    """Whether the system refuses this port to this user."""
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except PermissionError:
            return True
        except OSError:
            return False
    return False


def claim_port(port: int) -> None:
    if not 0 < port < 65536:
        raise CannotRun(f"{port} is no port: choose one between 1024 and 65535, such as make run PORT=8000.")
    if needs_root(port):
        raise CannotRun(f"Port {port} may be used by root alone: choose another, such as make run PORT=8000.")
    if not is_free(port):
        raise CannotRun(f"Port {port} is in use: choose another, such as make run PORT={port + 100}.")


def sandbox_ports(var_dir: Path, *, near: int, say: Callable[[str], None]) -> dict[str, int]:
    """A port for each configured channel, and each carrier, that has a sandbox, kept between runs: a connected store remembers it."""
    if "sandbox" not in get_commands():
        return {}
    ports: dict[str, int] = {}
    for path in (*settings.OMS_CHANNELS, *CARRIER_SANDBOXES):
        if importlib.util.find_spec(f"{path}.sandbox") is None:
            continue
        key = path.rpartition(".")[2]
        file = var_dir / f"sandbox-{key}.port"
        wanted = [int(file.read_text())] if file.is_file() else []
        wanted += [near + 1 + len(ports), *range(near + 20, near + 40)]
        taken = {near, *ports.values()}
        ports[key] = next(number for number in wanted if number not in taken and is_free(number))
        if file.is_file() and wanted[0] != ports[key]:
            say(
                f"Port {wanted[0]} is in use, so the {key} sandbox answers on {ports[key]} this time: "
                f"a demo store that knows it on {wanted[0]} cannot be reached until that port is free again."
            )
        else:
            file.write_text(str(ports[key]))
    return ports


# --- the children ---


def web_child(port: int) -> Child:
    options = {
        "bind": f"{HOST}:{port}",
        "worker-class": "gthread",
        "workers": "1",
        "threads": "8",
        "timeout": "60",
        "graceful-timeout": "5",
        "access-logfile": "-",
        "access-logformat": "%(t)s access %(h)s %(m)s %(U)s %(s)s %(B)s %(L)s",
    }
    pairs = [word for name, value in options.items() for word in (f"--{name}", value)]
    # Its control socket would lie in the home folder: nothing outside this one is touched.
    return Child("web", [sys.executable, "-m", "gunicorn", "oms.wsgi", "--no-control-socket", *pairs])


def lane_child(lane: str) -> Child:
    return Child(f"lane-{lane}", manage("qcluster"), environment={"Q_CLUSTER_NAME": lane}, lane=lane)


def sandbox_children(var_dir: Path, ports: Mapping[str, int]) -> list[Child]:
    return [
        Child(
            f"sandbox-{key}",
            manage("sandbox", key, "--port", str(port), "--file", str(var_dir / f"sandbox-{key}.json")),
        )
        for key, port in ports.items()
    ]


def manage(*words: str) -> list[str]:
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), *words]


def lane_heartbeats() -> Callable[[], Mapping[str, datetime | None]]:
    """How to ask for the lanes' heartbeats; an unreachable database answers that all is well."""

    def ask() -> Mapping[str, datetime | None]:
        try:
            return heartbeat.heartbeats()
        except DatabaseError:
            now = datetime.now().astimezone()
            return dict.fromkeys(settings.OMS_LANES, now)
        finally:
            connection.close()

    return ask


# --- data ---


def prepare(say: Callable[[str], None]) -> None:
    """The database as this version needs it, and the statics where they are not served from the source."""
    say("Preparing the database...")
    call_command("migrate", interactive=False, verbosity=0)
    if settings.WHITENOISE_USE_FINDERS:
        Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)  # whitenoise warns where there is none
    else:
        call_command("collectstatic", interactive=False, verbosity=0)


def ensure_people(var_dir: Path, say: Callable[[str], None]) -> str:
    """Fill an empty database: the demo (where it is one), then one owner. Returns the password, or where it is."""
    users = get_user_model()._default_manager
    file = var_dir / "password"
    if not users.exists():
        if settings.OMS_DEMO:
            load_demo(var_dir, say)
        password = secrets.token_urlsafe(9)
        file.touch(mode=0o600)
        file.write_text(password + "\n", encoding="utf-8")
        get_user_model().objects.create_superuser(USER, password=password)
    owner = users.filter(username=USER).first()
    known = file.read_text(encoding="utf-8").strip() if file.is_file() else ""
    return known if owner is not None and known and owner.check_password(known) else "(the one you set)"


def load_demo(var_dir: Path, say: Callable[[str], None]) -> None:
    """Load the demo into an empty database, once. One that was cut off is thrown away and loaded anew.

    It is many transactions, because it is made as people make it: a mark in the data folder tells that it has not
    come to its end, and that everything in there is its own.
    """
    mark = var_dir / "demo-unfinished"
    if mark.exists():
        say("The demo was not loaded to its end: it is thrown away and loaded anew.")
        call_command("flush", interactive=False, verbosity=0)
        for shop in var_dir.glob("sandbox-*.json"):
            shop.unlink()
    else:
        say("Loading the demo...")
    mark.touch()
    demo.load()
    mark.unlink()


# --- what people see ---


class Welcome:
    """Asks the web server on each round until it answers, then says where everything is, once."""

    def __init__(
        self,
        *,
        port: int,
        password: str,
        sandboxes: Mapping[str, int],
        log_dir: Path,
        say: Callable[[str], None],
    ) -> None:
        self.port = port
        self.password = password
        self.sandboxes = sandboxes
        self.log_dir = log_dir
        self.say = say
        self.said = False
        self.gave_up = False
        self.deadline = time.monotonic() + PATIENCE

    def __call__(self) -> bool:
        """False when there is no point in going on."""
        if self.said:
            return True
        if answers(self.port):
            self.said = True
            self.say(self.text())
        elif time.monotonic() > self.deadline:
            self.gave_up = True
        return not self.gave_up

    def text(self) -> str:
        lines = [
            "",
            "Manifold OMS is running.",
            "",
            f"  address   http://{HOST}:{self.port}/",
            f"  user      {USER}",
            f"  password  {self.password}",
            "",
            *[
                f"  sandbox   http://{HOST}:{port}/ plays the {key} store"
                for key, port in self.sandboxes.items()
            ],
            f"  logs      {self.log_dir}",
            "",
            "Ctrl-C ends it.",
        ]
        return "\n".join(lines)


def answers(port: int) -> bool:
    web = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        web.request("GET", "/healthz")
        return web.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        web.close()
