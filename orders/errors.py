"""The error of services for orders."""

from __future__ import annotations


class OrderError(Exception):
    """Something is not possible, and nothing was changed. `str(error)` says why, in one sentence for a person."""
