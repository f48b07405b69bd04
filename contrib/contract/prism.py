"""Install Stoplight Prism from npm into build/prism, and run one of its validating proxies for each file."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PACKAGE = "@stoplight/prism-cli"
VERSION = "5.14.2"  # tested with these files; the last release for Node 18 to 23
START_SECONDS = 120.0
READY = "ready\n"


class NoPrism(Exception):
    """Prism cannot be installed or does not start; the text is the reason."""


def install(folder: Path) -> Path:
    """Install Prism with npm unless `folder` has this version; return the folder. Raise `NoPrism` when it fails."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        raise NoPrism(
            "Prism needs Node.js 18.20 or newer with npm: install them (on Debian: nodejs and npm)."
        )
    program, stamp = folder / "node_modules/.bin/prism", folder / "version"
    if program.exists() and stamp.is_file() and stamp.read_text() == VERSION:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}\n')
    command = [
        npm,
        "install",
        "--no-save",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
        f"{PACKAGE}@{VERSION}",
    ]
    # One of its dependencies reports each installation unless this variable is set.
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "SCARF_ANALYTICS": "false"}, capture_output=True, text=True
    )
    if done.returncode or not program.exists():
        raise NoPrism(f"npm could not install {PACKAGE} {VERSION}: {done.stderr.strip()[-600:]}")
    stamp.write_text(VERSION)
    return folder


@contextmanager
def proxies(folder: Path, files: Sequence[tuple[Path, str]], log: Path) -> Iterator[list[int]]:
    """Run a proxy for each (file, address behind it) until the block ends; yield their ports. Raise `NoPrism`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"document": str(file), "upstream": behind, "port": _free_port()} for file, behind in files]
    command = ["node", str(Path(__file__).with_name("proxies.js")), str(folder), json.dumps(rows)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + START_SECONDS
        while not (output := log.read_text(errors="replace")).endswith(READY):
            if process.poll() is not None or time.monotonic() > until:
                raise NoPrism(f"Prism did not start: {output.strip()[-600:]}")
            time.sleep(0.1)
        yield [int(str(row["port"])) for row in rows]
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
