"""What the order desk refuses, in sentences for the operator."""

from __future__ import annotations


class OrderError(Exception):
    """A wish that cannot be met; `str(error)` is one sentence that says why, and nothing was changed."""
