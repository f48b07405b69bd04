"""The task of `benchmarks.idle`: it writes down how long it took to start."""

from __future__ import annotations

import os
import time
from pathlib import Path


def started(sent: float) -> None:
    """Append the seconds since `sent` (Unix time)."""
    with Path(os.environ["BENCH_STARTS"]).open("a") as file:
        file.write(f"{time.time() - sent:.6f}\n")
