"""Native documents (a channel's own JSON), and their hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from channels.contract.cleaning import dump_json

Native = Mapping[str, Any]


def hash_native(native: Native) -> str:
    """Return a digest (32 hex digits) of a native document that does not depend on the order of its keys."""
    return hashlib.blake2b(dump_json(native).encode(), digest_size=16).hexdigest()
