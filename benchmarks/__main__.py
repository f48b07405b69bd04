"""`make bench`: run all benchmarks, or those named (`make bench ONLY=name`); then a table of all figures.

One JSON line for each figure while they run; the figures also go into `benchmarks/results/<date>.json`.
"""

from __future__ import annotations

import logging
import runpy
import sys
from pathlib import Path

from benchmarks import _common, _results

log = logging.getLogger(__name__)
HERE = Path(__file__).parent


def main() -> None:
    chosen = [name for name in sys.argv[1:] if not name.startswith("-")]
    scripts = {script.stem: script for script in sorted(HERE.glob("[!_]*.py"))}
    if unknown := sorted(set(chosen) - set(scripts)):
        sys.exit(f"There is no benchmark {', '.join(unknown)}. There are: {', '.join(scripts)}.")
    sys.argv = [argument for argument in sys.argv if argument.startswith("-") or argument == sys.argv[0]]
    failed = [name for name in chosen or scripts if not ran(scripts[name])]
    if _common.FIGURES:
        sys.stdout.write(f"\n{_results.table(_common.FIGURES)}\n")
        sys.stdout.write(f"Written to {_results.save(_common.FIGURES).relative_to(HERE.parent)}\n")
    if failed:
        sys.exit(f"Failed: {', '.join(failed)}")


def ran(script: Path) -> bool:
    """Run one benchmark; return False when it failed, after printing why. The others still run."""
    try:
        runpy.run_path(str(script), run_name="__main__")
    except KeyboardInterrupt:
        raise
    except SystemExit as end:
        if end.code:
            sys.stderr.write(f"{script.stem}: {end.code}\n")
        return not end.code
    except Exception:
        log.exception("%s failed", script.stem)
        return False
    return True


if __name__ == "__main__":
    main()
