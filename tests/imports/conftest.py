"""Each test of imports has a data directory of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from oms.kit.imports import source


@pytest.fixture
def var_dir(settings: Any, tmp_path: Path) -> Path:
    """The data directory of the test."""
    settings.VAR_DIR = tmp_path
    source.forget()
    return tmp_path
