"""Tasks of the queue. They call services."""

from __future__ import annotations

from catalogue.pictures import copies, sweep


def copy_pictures() -> None:
    """Download and store one slice of the product pictures that are due."""
    sweep.work()


def tidy_pictures() -> None:
    """Note pictures that have no row, remove copies that nothing shows."""
    copies.tidy()
