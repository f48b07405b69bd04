"""`manage.py sandbox`: what it prints, how it ends, and what it says when it cannot run."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

ROOT = Path(__file__).parents[2]


def test_a_channel_that_has_none():
    with pytest.raises(CommandError, match="No sandbox for “nowhere”") as caught:
        call_command("sandbox", "nowhere")

    assert caught.value.returncode == 2


def test_a_port_that_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"Port {port} cannot be used") as caught:
            call_command("sandbox", "opencart", port=port, seed="empty")

    assert caught.value.returncode == 2


def test_it_runs_until_it_is_stopped_and_keeps_its_file(tmp_path: Path):
    file = tmp_path / "shop.json"
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    command = [
        sys.executable,
        "manage.py",
        "sandbox",
        "opencart",
        "--file",
        str(file),
        "--seed",
        "empty",
        "--json",
    ]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0

    assert line["url"] == line["credentials"]["domain_url"]
    assert line["credentials"]["secret_key"]
    assert json.loads(file.read_text())["products"] == []
