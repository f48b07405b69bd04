"""Errors of the API as problem documents (RFC 9457): type, title, status, detail, and the faulty fields."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja.errors import AuthenticationError, HttpError, ValidationError

if TYPE_CHECKING:
    from ninja import NinjaAPI

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 20


class ApiError(Exception):
    """A refusal of the API: `status` and one sentence. `errors` are (pointer, sentence) of faulty fields."""

    def __init__(
        self,
        status: int,
        detail: object,
        *,
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(str(detail))
        self.status, self.detail = status, str(detail)
        self.errors, self.headers = errors, dict(headers or {})


def response(error: ApiError) -> HttpResponse:
    """Return an error as a problem document."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.detail,
    }
    if error.errors:
        document["errors"] = [{"pointer": pointer, "detail": detail} for pointer, detail in error.errors]
    body = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
    return HttpResponse(body, status=error.status, content_type=MEDIA_TYPE, headers=error.headers)


def not_found() -> ApiError:
    """Return the refusal of what does not exist, or belongs to another warehouse."""
    return ApiError(404, _("There is no such record, or this key may not see it."))


def add_handlers(api: NinjaAPI) -> None:
    """Make an API answer every error as a problem document."""

    @api.exception_handler(ApiError)
    def _api_error(request: HttpRequest, error: Any) -> HttpResponse:
        return response(error)

    @api.exception_handler(Http404)
    def _missing(request: HttpRequest, error: Any) -> HttpResponse:
        return response(not_found())

    @api.exception_handler(AuthenticationError)
    def _no_key(request: HttpRequest, error: Any) -> HttpResponse:
        return response(no_key())

    @api.exception_handler(ValidationError)
    def _invalid(request: HttpRequest, error: Any) -> HttpResponse:
        faults = [(_pointer(row.get("loc", ())), str(row.get("msg", ""))) for row in error.errors]
        return response(ApiError(422, _("The request has faulty fields."), errors=faults[:MOST_ERRORS]))

    @api.exception_handler(RequestDataTooBig)
    def _too_big(request: HttpRequest, error: Any) -> HttpResponse:
        return response(ApiError(413, _("The body of the request is too large.")))

    @api.exception_handler(HttpError)
    def _http(request: HttpRequest, error: Any) -> HttpResponse:
        return response(ApiError(error.status_code, error.message))

    @api.exception_handler(Exception)
    def _fault(request: HttpRequest, error: Any) -> HttpResponse:
        log.error("the API failed: %s %s", request.method, request.path, exc_info=error)
        return response(ApiError(500, _("The request failed because of an error in Manifold. It is logged.")))


def no_key() -> ApiError:
    """Return the refusal of a call without a valid key."""
    return ApiError(
        401,
        _("Send a valid API key: “Authorization: Bearer <key>”."),
        headers={"WWW-Authenticate": 'Bearer realm="Manifold OMS"'},
    )


def _pointer(place: Sequence[Any]) -> str:
    """Return the place of a field as a JSON pointer: ("body", "payload", "lines", 0, "sku") -> "/lines/0/sku"."""
    parts = [str(part) for part in place]
    kept = parts[2:] if parts[:1] == ["body"] else parts[1:]
    return "/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in kept)
