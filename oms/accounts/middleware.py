"""The author of what a request changes; the time of last use of a session; the second factor where it is required."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse

from oms.accounts import language, second_factor, sessions
from oms.accounts.addresses import client_ip
from oms.kit.authors import actors


class AuthorMiddleware:
    """Name the signed-in person as the author (`oms.kit.authors.actors.current`); a visitor is "visitor"."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        def who() -> actors.Author:
            user = request.user
            return actors.person(user) if user.is_authenticated else actors.Author("visitor", None, "visitor")

        with actors.acting(who):
            return self.get_response(request)


SEEN_EVERY = 60  # seconds between two writes of the time of last use


class SessionMiddleware:
    """Keep a used session alive, with its address and browser; lead a person to set up a second factor that is required.

    A session ends `OMS_SESSION_IDLE_MINUTES` after its last request: each write moves its end.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.session.get("_auth_user_id"):
            if int(time.time()) - int(request.session.get(sessions.SEEN, 0)) >= SEEN_EVERY:
                note_use(request, request.user)
            if request.session.get(sessions.MUST_SET_UP) and self._is_closed(request.path):
                return HttpResponseRedirect(reverse("admin:account"))
        return self.get_response(request)

    @staticmethod
    def _is_closed(path: str) -> bool:
        """Whether a page is closed to a person whose second factor is missing: all but those to set it up."""
        return path.startswith("/admin/") and path not in (
            reverse("admin:account"),
            reverse("admin:logout"),
            reverse("admin:jsi18n"),
        )


def note_use(request: HttpRequest, user: Any) -> None:
    """Write into the session that it is used now, from where, and whether a second factor must be set up."""
    request.session[sessions.SEEN] = int(time.time())
    request.session[sessions.ADDRESS] = client_ip(request)
    request.session[sessions.BROWSER] = request.headers.get("User-Agent", "")[:200]
    if second_factor.is_missing(user):
        request.session[sessions.MUST_SET_UP] = True
    else:
        request.session.pop(sessions.MUST_SET_UP, None)


def begin_session(sender: Any, request: HttpRequest, user: Any, **kwargs: Any) -> None:
    """Write the same at the sign-in, and the language of the person, so that the first page writes nothing."""
    note_use(request, user)
    language.at_sign_in(request, user)
