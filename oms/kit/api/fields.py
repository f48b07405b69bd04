"""Types of values that come from outside: every one has a largest value that both databases store."""

from __future__ import annotations

from typing import Annotated, Any

from ninja import Schema
from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field

from oms.kit.numbers import LARGEST


def _printable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("contains a NUL character")
    return text


def _present_day(at: Any) -> Any:
    if not 2000 <= at.year <= 2200:
        raise ValueError("is not between the years 2000 and 2200")
    return at


Key = Annotated[int, Field(ge=1, le=LARGEST)]
Units = Annotated[int, Field(ge=0, le=1_000_000, strict=True)]
Change = Annotated[int, Field(ge=-1_000_000, le=1_000_000, strict=True)]
Code = Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_printable)]
Text = Annotated[str, Field(max_length=300), AfterValidator(_printable)]
Sku = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_printable)]
Instant = Annotated[AwareDatetime, AfterValidator(_present_day)]


class Input(Schema):
    """The base of bodies: an unknown field is refused, so that a misspelled one is not lost silently."""

    model_config = ConfigDict(extra="forbid")
