"""Tasks of the queue. They call services."""

from __future__ import annotations

from catalogue.pictures import sweep


def copy_pictures() -> None:
    """Download and store one slice of the product pictures that are due."""
    sweep.work()
