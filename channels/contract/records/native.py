"""A channel's own JSON, and its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

Native = Mapping[str, Any]


def hash_native(native: Native) -> str:
    """Stable 32-hex digest of a native document, whatever the order of its keys."""
    text = json.dumps(native, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
