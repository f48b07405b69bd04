# long because: one life of a supervisor, from its start to its last signal.
"""The supervisor, with real processes that pretend: what it starts it keeps alive, and ends with everything below it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from oms.devserver import run
from oms.devserver.supervisor import Child, Supervisor

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 20.0

# A head with one process below it; both write their number, and ignore nothing.
FAMILY = """
import os, pathlib, sys, time
notes = pathlib.Path(sys.argv[1])
below = os.fork()
with notes.open("a") as file:
    file.write(f"{os.getpid()}\\n")
time.sleep(600)
"""
# The same, but it will not hear of SIGTERM, as a hanging cluster does not.
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)" + FAMILY


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[Path]:
    """The file where fake children write their numbers; what a failed test left alive ends with it."""
    file = tmp_path / "notes"
    file.touch()
    yield file
    for pid in numbers(file):
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


def numbers(notes: Path) -> list[int]:
    return [int(line) for line in notes.read_text().split()]


def alive(pid: int) -> bool:
    """Whether a process works: a zombie that waits for its parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def family(notes: Path, *, name: str = "fake", lane: str = "", code: str = FAMILY) -> Child:
    return Child(name, [sys.executable, "-c", code, str(notes)], lane=lane)


class Steps:
    """Called on each round: waits for one condition after the other, then says that it is enough."""

    def __init__(self, *steps: Callable[[], bool]) -> None:
        self.steps = list(steps)
        self.deadline = time.monotonic() + PATIENCE

    def __call__(self) -> bool:
        assert time.monotonic() < self.deadline, "the supervisor did not get there"
        if self.steps and self.steps[0]():
            del self.steps[0]
        return bool(self.steps)


def supervisor(tmp_path: Path, *children: Child, said: list[str] | None = None, **options) -> Supervisor:
    settings = {"grace": 5.0, "first_wait": 0.05, "pause": 0.02} | options
    say = said.append if said is not None else (lambda text: None)
    return Supervisor(children, log_dir=tmp_path / "log", say=say, **settings)


def test_it_starts_its_children_and_leaves_none(tmp_path, notes):
    supervisor(tmp_path, family(notes, name="a"), family(notes, name="b")).run(
        on_pass=Steps(lambda: len(numbers(notes)) == 4)
    )
    assert len(numbers(notes)) == 4
    assert not any(alive(pid) for pid in numbers(notes))


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_ends_on_signals(tmp_path, notes, signum):
    def interrupt() -> bool:
        os.kill(os.getpid(), signum)
        return False

    inherited = signal.signal(signum, signal.SIG_DFL)  # the suite itself may run under `nohup`
    try:
        supervisor(tmp_path, family(notes)).run(on_pass=Steps(lambda: len(numbers(notes)) == 2, interrupt))
        assert not any(alive(pid) for pid in numbers(notes))
        assert signal.getsignal(signum) == signal.SIG_DFL
    finally:
        signal.signal(signum, inherited)


def test_under_nohup_it_survives_the_end_of_the_terminal(tmp_path, notes):
    def hang_up() -> bool:
        os.kill(os.getpid(), signal.SIGHUP)
        return True

    inherited = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    boss = supervisor(tmp_path, family(notes))
    try:
        boss.run(
            on_pass=Steps(lambda: len(numbers(notes)) == 2, hang_up, lambda: all(map(alive, numbers(notes))))
        )
        assert boss.stop_requests == 0
    finally:
        signal.signal(signal.SIGHUP, inherited)


def test_a_child_that_will_not_end_is_killed_after_the_grace(tmp_path, notes):
    supervisor(tmp_path, family(notes, code=STUBBORN), grace=0.3).run(
        on_pass=Steps(lambda: len(numbers(notes)) == 2)
    )
    assert not any(alive(pid) for pid in numbers(notes))


def test_a_second_interrupt_ends_at_once(tmp_path, notes):
    boss = supervisor(tmp_path, family(notes, code=STUBBORN), grace=600)

    def interrupt_twice() -> bool:
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        os.kill(os.getpid(), signal.SIGINT)
        return False

    started = time.monotonic()
    boss.run(on_pass=Steps(lambda: len(numbers(notes)) == 2, interrupt_twice))
    assert time.monotonic() - started < PATIENCE
    assert not any(alive(pid) for pid in numbers(notes))


def test_a_dead_child_is_started_again_and_its_orphans_are_ended(tmp_path, notes):
    said: list[str] = []

    def kill_head() -> bool:
        assert head.process is not None
        os.kill(head.process.pid, signal.SIGKILL)
        return True

    head = family(notes)
    supervisor(tmp_path, head, said=said).run(
        on_pass=Steps(lambda: len(numbers(notes)) == 2, kill_head, lambda: len(numbers(notes)) == 4)
    )
    assert len(said) == 1
    assert said[0].startswith("fake ended (exit code -9); it starts again in 0.05 s.")
    assert not any(alive(pid) for pid in numbers(notes))


def test_a_failing_child_is_restarted_less_often(tmp_path):
    said: list[str] = []
    failing = Child("bad", [sys.executable, "-c", "raise SystemExit(3)"])
    supervisor(tmp_path, failing, said=said, first_wait=0.01).run(on_pass=Steps(lambda: len(said) == 4))
    waits = re.findall(r"again in (\S+) s", "\n".join(said))
    assert waits == ["0.01", "0.02", "0.04", "0.08"]
    assert all("exit code 3" in text for text in said)


@pytest.mark.fault("F-51")
@pytest.mark.parametrize(
    ("end", "waits"),
    [
        ("os.kill(os.getpid(), 9)", ["0.01"] * 4),  # out of memory, a person, its own guard
        ("raise SystemExit(0)", ["0.01"] * 4),  # the head of a lane, after its guard was killed
        ("raise SystemExit(3)", ["0.01", "0.02", "0.04", "0.08"]),
    ],
)
def test_a_lane_that_is_killed_again_and_again_waits_no_longer(tmp_path, end, waits):
    said: list[str] = []
    lane = Child(
        "lane-orders", [sys.executable, "-c", f"import os, time; time.sleep(0.1); {end}"], lane="orders"
    )
    supervisor(tmp_path, lane, said=said, first_wait=0.01, killed_after=0.05).run(
        on_pass=Steps(lambda: len(said) == 4)
    )
    assert re.findall(r"again in (\S+) s", "\n".join(said)) == waits


@pytest.mark.fault("F-51")
def test_a_lane_that_is_killed_at_its_start_waits_longer_each_time(tmp_path):
    said: list[str] = []
    lane = Child("lane-orders", [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], lane="orders")
    supervisor(tmp_path, lane, said=said, first_wait=0.01).run(on_pass=Steps(lambda: len(said) == 3))
    assert re.findall(r"again in (\S+) s", "\n".join(said)) == ["0.01", "0.02", "0.04"]


def test_output_of_a_child_is_in_its_log(tmp_path):
    child = Child(
        "talker", [sys.executable, "-c", "import os; print('to', os.environ['WHOM'])"], {"WHOM": "you"}
    )
    log = tmp_path / "log" / "talker.log"
    supervisor(tmp_path, child).run(
        on_pass=Steps(lambda: log.exists() and log.read_text().startswith("to you"))
    )
    assert "to you" in log.read_text()


@pytest.mark.req("R-USE-04")
def test_a_lane_without_heartbeat_is_killed_and_started_again(tmp_path, notes):
    said: list[str] = []
    beats = {
        "orders": datetime.now(UTC) - timedelta(minutes=4),
        "stock": datetime.now(UTC) + timedelta(hours=1),
    }
    hanging = family(notes, name="lane-orders", lane="orders", code=STUBBORN)
    other = tmp_path / "other"
    other.touch()
    working = family(other, name="lane-stock", lane="stock")
    supervisor(
        tmp_path,
        hanging,
        working,
        said=said,
        heartbeats=lambda: beats,
        heartbeat_period=0.01,
        stale_after=timedelta(seconds=1),
        grace=0.2,
    ).run(on_pass=Steps(lambda: len(numbers(notes)) >= 4))
    assert said[0] == "lane-orders has done nothing for 1 s; it is started anew."
    assert len(numbers(other)) == 2, "the lane that works was left alone"
    assert not any(alive(pid) for pid in numbers(notes) + numbers(other))


def test_a_lane_is_given_time_for_its_first_heartbeat(tmp_path, notes):
    said: list[str] = []
    asked: list[int] = []

    def heartbeats() -> dict[str, datetime]:
        asked.append(1)
        return {}

    supervisor(
        tmp_path,
        family(notes, lane="orders"),
        said=said,
        heartbeats=heartbeats,
        heartbeat_period=0.01,
        stale_after=timedelta(minutes=3),
    ).run(on_pass=Steps(lambda: len(asked) > 3))
    assert said == []
    assert len(numbers(notes)) <= 2


def test_nothing_outlives_a_supervisor_that_was_killed(tmp_path, notes):
    """SIGKILL leaves no time to end anything: the kernel ends the heads, and they what they forked."""
    head = (
        "import sys; sys.path.insert(0, sys.argv[2]); from oms.devserver import parent_death; parent_death.tie_forks()"
        + FAMILY
    )
    boss = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from oms.devserver.supervisor import Child, Supervisor
        head, notes, root, logs = sys.argv[1:]
        Supervisor([Child("fake", [sys.executable, "-c", head, notes, root])], log_dir=Path(logs)).run()
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", boss, head, str(notes), str(ROOT), str(tmp_path / "log")], cwd=ROOT
    )
    deadline = time.monotonic() + PATIENCE
    while len(numbers(notes)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    family_of = numbers(notes)
    process.kill()
    process.wait()
    while any(alive(pid) for pid in family_of) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(family_of) == 2
    assert not any(alive(pid) for pid in family_of)


# --- what `make run` puts under it ---


def test_a_taken_port_is_one_sentence():
    with socket.socket() as other:
        other.bind((run.HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(run.CannotRun) as refusal:
            run.claim_port(port)
    assert str(refusal.value) == f"Port {port} is in use: choose another, such as make run PORT={port + 100}."


@pytest.mark.parametrize("port", [0, -1, 70000])
def test_an_impossible_port_is_refused(port):
    with pytest.raises(run.CannotRun, match="is no port"):
        run.claim_port(port)


def test_one_folder_runs_once(tmp_path):
    with (
        run.only_one_in(tmp_path),
        pytest.raises(run.CannotRun, match=f"process {os.getpid()}"),
        run.only_one_in(tmp_path),
    ):
        pass
    with run.only_one_in(tmp_path):
        pass


def test_a_sandbox_uses_the_same_port_again(tmp_path, settings):
    settings.OMS_CHANNELS = ["channels.connectors.opencart"]
    said: list[str] = []
    with socket.socket() as other:
        other.bind((run.HOST, 0))
        near = other.getsockname()[1] - 1
        first = run.sandbox_ports(tmp_path, near=near, say=said.append)
    assert first["opencart"] not in {near, near + 1}, "taken ports are passed by"
    assert run.sandbox_ports(tmp_path, near=near, say=said.append) == first, "another PORT= moves no sandbox"
    assert said == []
    with socket.socket() as other:
        other.bind((run.HOST, first["opencart"]))
        moved = run.sandbox_ports(tmp_path, near=near, say=said.append)
    assert moved != first
    assert said[0].startswith(f"Port {first['opencart']} is in use")
    assert run.sandbox_ports(tmp_path, near=near, say=said.append) == first, "and it comes home again"


def test_each_lane_is_a_cluster_of_its_own(settings):
    lanes = [run.lane_child(lane) for lane in settings.OMS_LANES]
    assert [child.environment["Q_CLUSTER_NAME"] for child in lanes] == ["orders", "stock", "default"]
    assert [child.lane for child in lanes] == ["orders", "stock", "default"]
    assert all(child.argv[-1] == "qcluster" for child in lanes)


def test_the_web_server_loads_nothing_from_other_hosts(settings):
    argv = run.web_child(8123).argv
    assert "127.0.0.1:8123" in argv
    assert "--no-control-socket" in argv


def test_the_first_start_creates_an_owner_and_the_next_one_uses_it(db, tmp_path, django_user_model, settings):
    settings.OMS_DEMO = False
    password = run.ensure_people(tmp_path, print)
    owner = django_user_model.objects.get()
    assert (owner.username, owner.is_superuser) == ("admin", True)
    assert owner.check_password(password)
    assert (tmp_path / "password").stat().st_mode & 0o777 == 0o600
    assert run.ensure_people(tmp_path, print) == password
    owner.set_password("something of my own")
    owner.save()
    assert run.ensure_people(tmp_path, print) == "(the one you set)"
    assert django_user_model.objects.count() == 1


def test_an_incomplete_demo_is_deleted_and_loaded_again(tmp_path, monkeypatch):
    happened: list[str] = []
    monkeypatch.setattr(run, "call_command", lambda name, **options: happened.append(name))

    def cut_off() -> None:
        happened.append("half a demo")
        (tmp_path / "sandbox-opencart.json").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr("oms.devserver.demo.load", cut_off)
    with pytest.raises(KeyboardInterrupt):
        run.load_demo(tmp_path, happened.append)
    monkeypatch.setattr("oms.devserver.demo.load", lambda: happened.append("the demo"))
    run.load_demo(tmp_path, lambda text: None)
    assert happened == ["Loading the demo...", "half a demo", "flush", "the demo"]
    assert list(tmp_path.iterdir()) == [], "neither the shop of the first try nor the mark is left"


def test_the_start_message_is_shown_once_with_all_addresses(tmp_path, monkeypatch):
    said: list[str] = []
    welcome = run.Welcome(
        port=8123, password="secret", sandboxes={"opencart": 8124}, log_dir=tmp_path, say=said.append
    )
    monkeypatch.setattr(run, "answers", lambda port: False)
    assert welcome() is True
    assert said == []
    monkeypatch.setattr(run, "answers", lambda port: port == 8123)
    assert welcome() is True
    assert welcome() is True
    (text,) = said
    for part in ("http://127.0.0.1:8123/", "admin", "secret", "http://127.0.0.1:8124/", "Ctrl-C"):
        assert part in text


def test_a_web_server_that_never_answers_ends_the_run(tmp_path, monkeypatch):
    welcome = run.Welcome(port=8123, password="", sandboxes={}, log_dir=tmp_path, say=lambda text: None)
    monkeypatch.setattr(run, "answers", lambda port: False)
    welcome.deadline = time.monotonic() - 1
    assert welcome() is False
    assert welcome.gave_up


def test_run_command_answers_with_2_when_it_cannot_run(tmp_path):
    with socket.socket() as other:
        other.bind((run.HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        environment = {
            "PATH": os.environ["PATH"],
            "OMS_ENV_FILE": "",
            "OMS_VAR_DIR": str(tmp_path),
            "SECRET_KEY": "s" * 60,
            "OMS_DEMO": "true",
        }
        done = subprocess.run(
            [sys.executable, "manage.py", "run", "--port", str(port)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert (
        done.stderr.strip()
        == f"CommandError: Port {port} is in use: choose another, such as make run PORT={port + 100}."
    )
