"""Stoplight Prism from npm, kept in build/prism, and one validating proxy for each file."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PACKAGE = "@stoplight/prism-cli"
VERSION = "5.14.2"  # the one place: the release that was tried with these files, the last for Node 18 to 23
PATIENCE = 90.0


class NoPrism(Exception):
    """Prism cannot be had or does not start; the text says why."""


def install(folder: Path) -> Path:
    """Prism's program in `folder`; fetched with npm unless this very version is there. Raises `NoPrism`."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        raise NoPrism(
            "Prism needs Node.js 18.20 or newer with npm: install them (on Debian: nodejs and npm)."
        )
    program, stamp = folder / "node_modules/.bin/prism", folder / "version"
    if program.exists() and stamp.is_file() and stamp.read_text() == VERSION:
        return program
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
    # One of its dependencies reports each installation to its maker unless it is told not to.
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "SCARF_ANALYTICS": "false"}, capture_output=True, text=True
    )
    if done.returncode or not program.exists():
        raise NoPrism(f"npm could not install {PACKAGE} {VERSION}: {done.stderr.strip()[-600:]}")
    stamp.write_text(VERSION)
    return program


@contextmanager
def proxies(program: Path, files: Sequence[tuple[Path, str]], logs: Path) -> Iterator[list[int]]:
    """A `prism proxy` for each (file, address behind it), stopped at the end; answers their ports.

    Not with `--errors`: that refuses a request with a listed mistake of the document before it reaches the sandbox,
    so that its answer would never be looked at. Without, the same findings come in the header `sl-violations`.
    """
    logs.mkdir(parents=True, exist_ok=True)
    running: list[tuple[subprocess.Popen[bytes], int, Path]] = []
    try:
        for file, behind in files:
            port, log = _free_port(), logs / f"{file.stem}.log"
            command = [str(program), "proxy", "-h", "127.0.0.1", "-p", str(port), str(file), behind]
            with log.open("wb") as out:
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
                )
            running.append((process, port, log))
        until = time.monotonic() + PATIENCE
        for process, port, log in running:
            _wait(process, port, log, until)
        yield [port for _, port, _ in running]
    finally:
        for process, _, _ in running:
            process.terminate()
        for process, _, _ in running:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path, until: float) -> None:
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise NoPrism(f"Prism did not start: {log.read_text(errors='replace').strip()[-600:]}")


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
