"""The pages for "not found" and "not allowed": inside the frame for a person who is signed in, else a plain page. A fault of
the server, or of its disk, is a plain page always: the frame reads the database.

`oms.urls` names them as `handler404`, `handler403` and `handler500`.
"""

from __future__ import annotations

import re
import sys
from typing import Any
from urllib.parse import urlsplit

from django.apps import apps
from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.urls import Resolver404
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import defaults

from oms import health
from oms.kit.admin.pages import Page

#: What Django's `get_object_or_404` says, in English whatever the language.
NO_MATCH = re.compile(r"No (\w+) matches the given query\.")


class NotFound(Page):
    """The address leads to no page, or to a row that does not exist."""

    title = gettext_lazy("Page not found")
    template_name = "oms/error.html"


class NotAllowed(Page):
    """The person's roles do not allow this page or this action."""

    title = gettext_lazy("Not allowed")
    template_name = "oms/error.html"


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404 with what was not found and what to do."""
    if not is_staff(request):
        return defaults.page_not_found(request, exception)
    return shown(NotFound(), request, 404, what_is_missing(request, exception))


def not_allowed(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403 with what to do."""
    if not is_staff(request):
        return defaults.permission_denied(request, exception)
    return shown(
        NotAllowed(),
        request,
        403,
        _(
            "Your role does not allow this. Ask an owner of this Manifold to change your role, under Settings » Users."
        ),
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500, or 503 with what to do when the database cannot store anything."""
    if health.is_write_fault(sys.exc_info()[1]):
        return HttpResponse(loader.render_to_string("503.html"), status=503)
    return defaults.server_error(request)


def is_staff(request: HttpRequest) -> bool:
    """Whether a person is signed in who sees the frame. False where the session has not been read yet."""
    user = getattr(request, "user", None)
    return bool(user is not None and user.is_active and user.is_staff)


def shown(page: Page, request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    """Return the page in the frame, with the address that the person came from."""
    page.setup(request)
    return page.render(status=status, sentence=sentence, back_url=came_from(request))


def came_from(request: HttpRequest) -> str:
    """Return the page of this site that led here, as a path; "" where there is none."""
    url = request.META.get("HTTP_REFERER", "")
    if not url or not url_has_allowed_host_and_scheme(url, {request.get_host()}):
        return ""
    parts = urlsplit(url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return "" if path == request.get_full_path() else path


def what_is_missing(request: HttpRequest, exception: Exception) -> str:
    """Return a sentence: "Order 999999 was not found.", or what the page itself said, or that there is no such page."""
    said: Any = exception.args[0] if exception.args else ""
    if isinstance(exception, Resolver404) or not isinstance(said, str) or not said:
        return _("Check the address, or use the menu.")
    found = NO_MATCH.fullmatch(said)
    if found is None:
        return said
    names = (m._meta.verbose_name for m in apps.get_models() if m._meta.object_name == found.group(1))
    what = capfirst(str(next(names, found.group(1))))
    keys = list(request.resolver_match.kwargs.values()) if request.resolver_match else []
    if len(keys) != 1:  # which of several numbers it was is not known
        return _("%(what)s was not found.") % {"what": what}
    return _("%(what)s %(key)s was not found.") % {"what": what, "key": keys[0]}
