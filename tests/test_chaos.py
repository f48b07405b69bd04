"""The short form of `make chaos`: each kind of fault once, on both databases; and the parts of the trials that need no installation."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from contrib.trials import faults, network, processes, servers, sums
from contrib.trials.desk import Call, Desk

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_faults_of_every_kind_change_no_sum():
    """Both databases at the same time, a few rounds each: most of the time is the start of the installations."""
    chosen = ["sqlite", "postgresql"] if servers.programs() else ["sqlite"]
    own = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    running = {
        database: subprocess.Popen(
            [sys.executable, "-m", "contrib.trials.chaos", f"--only={database}", "--rounds=8", "--seed=5"],
            cwd=ROOT,
            env=own,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for database in chosen
    }
    try:
        for process in running.values():
            said, _none = process.communicate(timeout=900)
            assert process.returncode == 0, said[-4000:]
            assert "WRONG" not in said
            assert "each order of a shop is stored once" in said
    finally:
        for process in running.values():
            process.terminate()


def target(**more: Any) -> Any:
    return SimpleNamespace(
        **{
            name: (lambda: "")
            for name in dir(faults.Target)
            if name.startswith(("kill_", "fill", "cut", "crash", "lose"))
        },
        **more,
    )


def test_faults_of_servers_are_left_out_where_there_are_none():
    none = faults.kinds(target(server=None, redis=SimpleNamespace(process=None)))
    given = faults.kinds(target(server=SimpleNamespace(is_own=False), redis=SimpleNamespace(process=None)))
    own = faults.kinds(target(server=SimpleNamespace(is_own=True), redis=SimpleNamespace(process=1)))
    assert set(given) - set(none) == {"connections cut"}
    assert set(own) - set(given) == {"database killed", "Redis killed"}
    assert "disk full" in none


def test_a_process_that_reads_from_a_pipe_is_the_one_with_the_lock():
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read(1)"], stdin=subprocess.PIPE
    ) as reader:
        while not processes.holds_the_lock(reader.pid):
            assert reader.poll() is None
        assert reader.pid in processes.below(os.getpid())
        assert processes.kill(reader.pid) == [reader.pid]
    assert processes.holds_the_lock(reader.pid) is False


def test_a_disk_of_its_own_can_be_filled_and_emptied(tmp_path: Path):
    disk = servers.SmallDisk(tmp_path / "disk", 1)
    disk.mount()
    try:
        if not disk.is_mounted:
            pytest.skip("needs root")
        disk.fill()
        with pytest.raises(OSError, match="No space left"):
            (disk.folder / "more").write_bytes(b"x" * 8192)
        disk.empty()
        (disk.folder / "more").write_bytes(b"x" * 8192)
    finally:
        disk.unmount()


def shop(history: list[int], targets: list[str]) -> Any:
    order = {"order_id": 7, "status_id": history[-1], "history": [{"status_id": one} for one in history]}
    asked = [{"method": "POST", "target": target, "status": 201} for target in targets]
    return SimpleNamespace(sandbox=SimpleNamespace(shop=SimpleNamespace(orders={7: order}), requests=asked))


def test_what_was_sent_twice_is_found():
    once = SimpleNamespace(
        running={"opencart": shop([1, 2, 3], ["/v2/orders/7/shipments", "/v2/orders/8/shipments"])}
    )
    twice = SimpleNamespace(running={"opencart": shop([1, 3, 3], ["/v2/orders/7/shipments"] * 2)})
    assert sums._sent_once(once).wrong == []  # type: ignore[arg-type]
    assert sums._requested_once(once).wrong == []  # type: ignore[arg-type]
    assert sums._sent_once(twice).wrong == ["opencart 7: status 3: 2 times"]  # type: ignore[arg-type]
    assert sums._requested_once(twice).wrong == ["opencart /v2/orders/7/shipments: 2 times"]  # type: ignore[arg-type]


def test_a_call_that_acted_twice_or_not_at_all_is_found(monkeypatch: pytest.MonkeyPatch):
    desk = Desk.__new__(Desk)
    desk.adjusted = {
        "trial a": ("SKU", 1),
        "trial b": ("SKU", 1),
        "trial c": ("SKU", 1),
        "trial d": ("SKU", 1),
    }
    desk.waiting = [Call("stock/adjustments", {"reason": "trial d"})]
    rows = Counter({"trial a": 1, "trial b": 2})
    monkeypatch.setattr(sums, "_rows", lambda statement: [(reason,) for reason in rows.elements()])
    assert sums._acted_once(desk).wrong == ["trial b: 2 times", "trial c: 0 times"]


def test_the_cluster_test_says_that_it_needs_root(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    assert (
        network.refusal()
        == "make cluster-test makes network namespaces and needs root: sudo make cluster-test"
    )
