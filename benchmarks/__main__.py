"""`make bench`: run all benchmarks, or those named as arguments; one JSON line for each figure."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    chosen = [name for name in sys.argv[1:] if not name.startswith("-")]
    sys.argv = [argument for argument in sys.argv if argument.startswith("-") or argument == sys.argv[0]]
    for script in sorted(HERE.glob("[!_]*.py")):
        if not chosen or script.stem in chosen:
            runpy.run_path(str(script), run_name="__main__")


if __name__ == "__main__":
    main()
