"""The language of a person: chosen on My account, kept for the person, and read from the session in each request."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

from oms.kit.authors import audit
from oms.kit.models import PersonSettings

SESSION_KEY = "oms_language"


def choose(request: HttpRequest, code: str) -> None:
    """Keep the language (a code of LANGUAGES, "" for that of the browser) that the signed-in person chooses.

    It applies from now on, also in other browsers after the next sign-in, and to mails. Raises ValueError for another code.
    """
    if code and code not in dict(settings.LANGUAGES):
        raise ValueError(code)
    user: Any = request.user
    row, _made = PersonSettings.objects.get_or_create(user=user)
    if row.language != code:
        before = audit.snapshot(row, ("language",))
        row.language = code
        row.save()
        audit.record("changed", row, audit.difference(before, audit.snapshot(row, ("language",))))
    remember(request, code)
    if code:
        translation.activate(code)


def remember(request: HttpRequest, code: str) -> None:
    """Write the language into the session, so that no request has to read it from the database."""
    if code:
        request.session[SESSION_KEY] = code
    else:
        request.session.pop(SESSION_KEY, None)


def at_sign_in(request: HttpRequest, user: Any) -> None:
    """Write the language of a person who signs in into the session."""
    remember(request, PersonSettings.language_of(user.pk))


class LanguageMiddleware(LocaleMiddleware):
    """Activate the language that the person has chosen; else Django's choice: cookie, browser, LANGUAGE_CODE."""

    def process_request(self, request: HttpRequest) -> None:
        """Activate the language of the request."""
        code = request.session.get(SESSION_KEY, "")
        if code not in dict(settings.LANGUAGES):
            super().process_request(request)
            return
        translation.activate(code)
        request.LANGUAGE_CODE = translation.get_language() or code
