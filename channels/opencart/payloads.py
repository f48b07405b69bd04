"""The native fields of contract v1 that we use (`opencart.md` §5.4 and §5.5). Numbers are decimal strings."""

from __future__ import annotations

from typing import NotRequired, TypedDict
