"""Who calls: the key of a request, its scopes, its rate limit, and the author of what it changes."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from ninja.security import HttpBearer

from oms.kit.api import keys
from oms.kit.api.errors import ApiError, no_key
from oms.kit.api.models import ApiKey
from oms.kit.authors.actors import Author

MOST_WRONG = 30  # calls without a valid key that one address may make in a minute


class KeyAuth(HttpBearer):
    """Requires a key with the scope "<area>:<access>"."""

    def __init__(self, scope: str) -> None:
        super().__init__()
        self.scope = scope

    def __call__(self, request: HttpRequest) -> ApiKey:
        """Return the key of a call; raise `ApiError` 401, 403 or 429."""
        key = key_of(request)
        if self.scope not in key.scopes:
            raise ApiError(403, _("This key has no scope “%s”.") % self.scope)
        return key

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        """Return the key (unused: `__call__` does it)."""
        return key_of(request)


def key_of(request: HttpRequest) -> ApiKey:
    """Return the key of a request and count the call, once; raise `ApiError` 401 or 429."""
    found = getattr(request, "api_key", None)
    if isinstance(found, ApiKey):
        return found
    address: str = import_string(settings.AXES_CLIENT_IP_CALLABLE)(request)
    kind, _space, token = request.headers.get("Authorization", "").partition(" ")
    if int(cache.get(f"api-wrong:{address}", 0)) >= MOST_WRONG:
        raise ApiError(
            429, _("Too many calls without a valid key. Wait a minute."), headers={"Retry-After": "60"}
        )
    key = keys.find(token.strip()) if kind.lower() == "bearer" else None
    if key is None:
        name = f"api-wrong:{address}"
        cache.add(name, 0, 60)
        with suppress(ValueError):  # it ended between the two statements
            cache.incr(name)
        raise no_key()
    if keys.count_call(key, address) > keys.limit():
        wait = 60 - int(time.time()) % 60
        raise ApiError(
            429,
            _("This key may make %d calls a minute.") % keys.limit(),
            headers={"Retry-After": str(wait)},
        )
    request.api_key = key  # type: ignore[attr-defined]
    return key


def author_of(request: HttpRequest) -> Author:
    """Return the author of what a call changes: its key."""
    return Author("api", None, f"API {key_of(request).name}")
