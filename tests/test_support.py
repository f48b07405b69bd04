"""The test suite's own safeguards: no way out of the machine, and no requirement that is only wished for."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.support import network
from tests.support.requirements import known_ids

ROOT = Path(__file__).resolve().parent.parent


def test_another_machine_cannot_be_reached():
    with socket.socket() as attempt, pytest.raises(network.NetworkClosed, match=r"192\.0\.2\.1:80"):
        attempt.connect(("192.0.2.1", 80))
    assert network.attempts == ["192.0.2.1:80"]
    network.attempts.clear()  # this test may; the check after each one would fail it


def test_another_machine_cannot_be_reached_by_connect_ex():
    with socket.socket(socket.AF_INET6) as attempt, pytest.raises(network.NetworkClosed):
        attempt.connect_ex(("2001:db8::1", 443))
    network.attempts.clear()


def test_names_do_not_resolve():
    with pytest.raises(requests.ConnectionError):
        requests.get("https://shop.example.com/", timeout=5)
    assert network.attempts == []


def test_this_machine_can_be_reached():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with socket.create_connection(("localhost", address[1]), timeout=5) as client:
            assert client.getpeername() == address
    assert network.attempts == []


def test_requirement_ids_are_in_order_and_once():
    ids = known_ids()
    assert ids == sorted(set(ids))
    assert all(re.fullmatch(r"R-[A-Z]+-\d\d", name) for name in ids)


def test_fault_ids_are_in_order_and_once():
    ids = known_ids("fault")
    assert ids == sorted(set(ids))
    assert all(re.fullmatch(r"F-\d\d", name) for name in ids)


def run_pytest(folder: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """A suite of one file, with our plugin, in a process of its own."""
    (folder / "test_one.py").write_text("import pytest\n" + text)
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "tests.support.requirements",
            "-p",
            "no:django",
            "-c",
            "/dev/null",
            "-W",
            "ignore::pytest.PytestUnknownMarkWarning",
            "--rootdir",
            str(folder),
            str(folder),
            *options,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_reqs_lists_untested_requirements_and_skip_reasons(tmp_path):
    text = (
        '@pytest.mark.req("R-CAT-01", "R-CAT-02")\n@pytest.mark.db\ndef test_a(): pass\n'
        '@pytest.mark.skip(reason="no moon")\ndef test_b(): pass\n'
    )
    done = run_pytest(tmp_path, text, "--reqs", "-m", "not db")
    assert f"requirements without a test: {len(known_ids()) - 2} of {len(known_ids())}" in done.stdout
    assert "R-CAT-01" not in done.stdout, "a test that runs elsewhere counts"
    assert "R-CAT-03" in done.stdout
    assert "skipped: 1\n  1 x no moon" in done.stdout


def test_reqs_lists_the_faults_that_no_test_names(tmp_path):
    done = run_pytest(tmp_path, '@pytest.mark.fault("F-12")\ndef test_a(): pass\n', "--reqs")
    known = len(known_ids("fault"))
    assert f"faults without a test: {known - 1} of {known}" in done.stdout
    assert "F-12" not in done.stdout
    assert "F-13" in done.stdout


def test_reqs_adds_up_the_results_of_the_workers(tmp_path):
    text = (
        '@pytest.mark.req("R-CAT-01")\ndef test_a(): pass\n@pytest.mark.req("R-CAT-02")\ndef test_b(): pass\n'
    )
    done = run_pytest(tmp_path, text, "--reqs", "-n", "2")
    assert f"requirements without a test: {len(known_ids()) - 2} of {len(known_ids())}" in done.stdout


def test_an_unknown_requirement_stops_the_run(tmp_path):
    done = run_pytest(tmp_path, '@pytest.mark.req("R-CAT-99")\ndef test_a(): pass\n')
    assert done.returncode == 4
    assert "No such requirement: R-CAT-99" in done.stderr
