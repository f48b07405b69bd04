"""Stored credentials: a JSON document encrypted with rotating Fernet keys.

The keys are in `OMS_CREDENTIAL_KEYS`, newest first: the first one encrypts, all of them decrypt. The plain text is never
in logs, pages, `repr` or fixtures.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

if TYPE_CHECKING:
    _BinaryField = models.BinaryField[Any, Any]
else:
    _BinaryField = models.BinaryField


class UnreadableCredentials(ImproperlyConfigured):
    """No key of `OMS_CREDENTIAL_KEYS` decrypts this document: a fault of the settings, which commands report in one sentence."""


@cache
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    if not keys:
        raise ImproperlyConfigured("Set OMS_CREDENTIAL_KEYS: credentials cannot be stored without a key.")
    return MultiFernet([Fernet(key) for key in keys])


def cipher() -> MultiFernet:
    """Return the cipher of the configured keys; raises `ImproperlyConfigured` without a key."""
    return _fernet(tuple(settings.OMS_CREDENTIAL_KEYS))


class Secrets(dict[str, Any]):
    """A dict of credentials whose `repr` has no values."""

    def __repr__(self) -> str:
        return f"<Secrets {', '.join(sorted(self))}>"

    __str__ = __repr__


class EncryptedJSONField(_BinaryField):
    """A dict in Python, a Fernet token in the database; empty in a serialised fixture."""

    description = "Encrypted JSON"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("default", Secrets)
        kwargs["editable"] = False
        super().__init__(*args, **kwargs)

    def from_db_value(self, value: bytes | memoryview | None, expression: Any, connection: Any) -> Secrets:
        if not value:
            return Secrets()
        try:
            return Secrets(json.loads(cipher().decrypt(bytes(value))))
        except InvalidToken as error:
            raise UnreadableCredentials(
                "Stored credentials cannot be decrypted. Add the key that encrypted them to OMS_CREDENTIAL_KEYS again."
            ) from error

    def to_python(self, value: Any) -> Any:
        if isinstance(value, dict):
            return Secrets(value)
        return value or Secrets()  # a fixture has none

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if isinstance(value, dict):
            value = cipher().encrypt(json.dumps(value).encode()) if value else b""
        return super().get_db_prep_value(value, connection, prepared)

    def value_to_string(self, obj: models.Model) -> str:
        return ""
