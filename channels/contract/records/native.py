"""Native documents (a channel's own JSON), and their hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

Native = Mapping[str, Any]


def hash_native(native: Native) -> str:
    """Return a digest (32 hex digits) of a native document that does not depend on the order of its keys."""
    text = json.dumps(native, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
