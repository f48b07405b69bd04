"""Writes that act once: the answer of each is stored with its effect, and sent again for the same idempotency key.

The stored answer and the effect are one transaction. A refused call stores nothing, so it can be corrected and sent
again with the same key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import IntegrityError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.utils.translation import gettext as _

from oms.kit.api.auth import author_of, key_of
from oms.kit.api.errors import ApiError, response
from oms.kit.api.models import ApiKey, StoredAnswer
from oms.kit.api.signatures import WrongSignature, verify
from oms.kit.authors import actors

LONGEST_KEY = 64

View = Callable[..., HttpResponse]
#: Returns the secrets of which one must have signed the calls of a key.
Secrets = Callable[[ApiKey], Sequence[str]]


def writes_once(run: View, *, scope: str, secrets_of: Secrets | None = None) -> View:
    """Return an operation that acts once for each idempotency key; with `secrets_of`, only for signed calls."""

    @wraps(run)
    def once(request: HttpRequest, **kw: Any) -> HttpResponse:
        try:
            return _once(run, request, kw, scope, secrets_of)
        except ApiError as error:
            return response(error)
        except RequestDataTooBig:
            return response(ApiError(413, _("The body of the request is too large.")))
        except UnreadablePostError:
            return response(ApiError(400, _("The body of the request did not arrive.")))

    return once


def _once(
    run: View, request: HttpRequest, kw: dict[str, Any], scope: str, secrets_of: Secrets | None
) -> HttpResponse:
    key = key_of(request)
    if scope not in key.scopes:
        raise ApiError(403, _("This key has no scope “%s”.") % scope)
    body = request.body
    message_id = _signed_by(secrets_of(key), request, body) if secrets_of is not None else ""
    name = request.headers.get("Idempotency-Key", "").strip()
    if not 0 < len(name) <= LONGEST_KEY or not name.isascii() or not name.isprintable():
        raise ApiError(422, _("Send an “Idempotency-Key” header of 1 to 64 characters with every write."))
    content = f"{request.method} {request.get_full_path()}\n".encode() + body
    digest = hashlib.sha256(content).hexdigest()
    with transaction.atomic(), actors.acting(author_of(request)):
        if not _lock(key, name):
            raise ApiError(
                409, _("A call with this idempotency key is still running."), headers={"Retry-After": "1"}
            )
        stored = StoredAnswer.objects.filter(key=key, idempotency_key=name).first()
        if stored is not None:
            return _replay(stored, digest)
        row = _claim(key, name, digest, message_id)
        answer = run(request, **kw)
        if answer.status_code >= 400:
            transaction.set_rollback(True)
            return answer
        row.status, row.body = answer.status_code, answer.content.decode()
        row.save(update_fields=["status", "body"])
        return answer


def _signed_by(secrets: Sequence[str], request: HttpRequest, body: bytes) -> str:
    try:
        return verify(secrets, request.headers, body)
    except WrongSignature as error:
        raise ApiError(401, _("The call is not signed correctly: %s.") % error) from error


def _lock(key: ApiKey, name: str) -> bool:
    """Return whether no other call with this idempotency key is running now. SQLite has one writer at a time anyway."""
    if connection.vendor != "postgresql":
        return True
    number = int.from_bytes(hashlib.sha256(f"{key.pk}:{name}".encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        return bool(cursor.fetchone()[0])


def _claim(key: ApiKey, name: str, digest: str, message_id: str) -> StoredAnswer:
    """Store the beginning of a call; raise 409 for a signed call whose id was received with another key."""
    try:
        with transaction.atomic():
            return StoredAnswer.objects.create(
                key=key, idempotency_key=name, digest=digest, message_id=message_id
            )
    except IntegrityError:
        raise ApiError(409, _("A call with this webhook-id was received before.")) from None


def _replay(stored: StoredAnswer, digest: str) -> HttpResponse:
    if stored.digest != digest:
        raise ApiError(422, _("This idempotency key was used for another request. Use a new one."))
    return HttpResponse(
        stored.body.encode(),
        status=stored.status,
        content_type="application/json; charset=utf-8",
        headers={"Idempotent-Replayed": "true"},
    )
