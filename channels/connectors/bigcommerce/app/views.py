"""The app's pages: two that BigCommerce shows in a frame, two that its server calls, three that open in Manifold."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from csp.decorators import csp_replace
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_GET, require_http_methods

from channels.connectors.bigcommerce import auth
from channels.connectors.bigcommerce.app import installs
from channels.connectors.bigcommerce.channel import SPEC
from channels.models import AppInstall
from channels.stores import connect

FRAME = ["https://*.mybigcommerce.com"]
CHANGE = "channels.change_connection"
CLAIM = "bigcommerce_claim"  # key of the session: the installation that a ticket opened
ADD = "channels.add_connection"
View = Callable[..., HttpResponse]


def framed(view: View) -> View:
    """Make a page that only BigCommerce's control panel may show in a frame; it needs no cookie."""

    @wraps(view)
    def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except installs.NotAllowed as error:
            return _page(request, error=str(error), status=403)
        except auth.BadSignature:
            return _page(
                request,
                error=_("BigCommerce's call could not be verified: open the app from its control panel."),
                status=403,
            )

    allowed: Any = csp_replace({"frame-ancestors": FRAME})(xframe_options_exempt(shown))
    page: View = never_cache(require_GET(allowed))
    return page


def _page(request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
    return render(
        request, "bigcommerce/frame.html", {"home": settings.OMS_PUBLIC_URL, **context}, status=status
    )


def _with_link(request: HttpRequest, row: AppInstall, **context: Any) -> HttpResponse:
    """Return a page with the link that opens Manifold in a new window."""
    place = reverse("channels:bigcommerce:open")
    link = f"{settings.OMS_PUBLIC_URL}{place}?ticket={installs.ticket_for(row)}"
    missing = auth.missing_scopes(str(row.details.get("scope", "")))
    return _page(
        request, link=link, missing=missing, is_connected=installs.store_of(row) is not None, **context
    )


def _people_link(row: AppInstall) -> str:
    return f"{settings.OMS_PUBLIC_URL}{reverse('channels:bigcommerce:people', args=[row.pk])}"


@framed
def authorise(request: HttpRequest) -> HttpResponse:
    """Answer `/auth`: the app was installed, or its permissions have changed."""
    given = {name: request.GET.get(name, "") for name in ("code", "scope", "context")}
    if not all(given.values()):
        raise installs.NotAllowed(_("This page is opened by BigCommerce when the app is installed there."))
    redirect_uri = f"{settings.OMS_PUBLIC_URL}{reverse('channels:bigcommerce:auth')}"
    row, trouble = installs.install(**given, redirect_uri=redirect_uri)
    return _with_link(request, row, is_new=True, trouble=trouble)


@framed
def load(request: HttpRequest) -> HttpResponse:
    """Answer `/load`: somebody clicked Launch."""
    person = installs.person_of(request.GET.get("signed_payload_jwt", ""))
    row = installs.opened(person)
    asking = [user for user in installs.people(row) if user.state == "waiting"] if person.is_owner else []
    return _with_link(request, row, asking=asking, people_link=_people_link(row))


def _from_server(request: HttpRequest, work: Callable[[auth.Person], None]) -> HttpResponse:
    try:
        work(installs.person_of(request.GET.get("signed_payload_jwt", "")))
    except (auth.BadSignature, installs.NotAllowed):
        return HttpResponse(status=403)
    return HttpResponse(status=200)


@never_cache
@require_GET
def uninstall(request: HttpRequest) -> HttpResponse:
    """Answer `/uninstall`: the app was removed from a store."""
    return _from_server(request, installs.uninstalled)


@never_cache
@require_GET
def remove_user(request: HttpRequest) -> HttpResponse:
    """Answer `/remove_user`: a user of the store may not open the app any more."""
    return _from_server(request, installs.remove_user)


@never_cache
@require_GET
def open_here(request: HttpRequest) -> HttpResponse:
    """Open the ticket's store in a window of its own; the person signs in to Manifold first."""
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    try:
        row = installs.redeem(request.GET.get("ticket", ""))
    except installs.NotAllowed as error:
        return render(request, "bigcommerce/claim.html", {"error": str(error)}, status=403)
    store = installs.store_of(row)
    if store is not None:
        return HttpResponseRedirect(reverse("admin:store", args=[store.pk]))
    request.session[CLAIM] = row.pk
    return HttpResponseRedirect(reverse("channels:bigcommerce:claim"))


@never_cache
@require_http_methods(["GET", "POST"])
def claim(request: HttpRequest) -> HttpResponse:
    """Connect the installed store; the person is signed in."""
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    row = AppInstall.objects.filter(pk=request.session.get(CLAIM, 0), uninstalled_at=None).first()
    if row is None:
        error = _("No store is ready to be connected: open the app in BigCommerce once more.")
        return render(request, "bigcommerce/claim.html", {"error": error}, status=403)
    if not request.user.has_perm(ADD):
        error = _("Your role may not connect stores: ask an administrator to open this link.")
        return render(request, "bigcommerce/claim.html", {"error": error}, status=403)
    context: dict[str, Any] = {"account": row.account, "name": request.POST.get("name", "BigCommerce")}
    if request.method == "POST":
        try:
            store = installs.claim(row, name=context["name"], author=request.user)
        except connect.StoreError as error:
            return render(request, "bigcommerce/claim.html", {**context, "trouble": str(error)}, status=422)
        request.session.pop(CLAIM, None)
        return HttpResponseRedirect(reverse("admin:store_first_sync", args=[store.pk]))
    return render(request, "bigcommerce/claim.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
def people(request: HttpRequest, pk: int) -> HttpResponse:
    """Show who of the store's control panel may open the app; a person who may change stores decides."""
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    row = AppInstall.objects.filter(pk=pk, channel=SPEC.key, uninstalled_at=None).first()
    if row is None or not request.user.has_perm(CHANGE):
        error = _("Your role may not decide this: ask an administrator to open this link.")
        if row is None:
            error = _("The app is not installed on this store any more: install it again.")
        return render(request, "bigcommerce/people.html", {"error": error}, status=403)
    trouble = ""
    if request.method == "POST":
        try:
            row = installs.decide(
                row, request.POST.get("user", ""), is_allowed=request.POST.get("do") == "allow"
            )
        except installs.NotAllowed as error:
            trouble = str(error)
    context = {"account": row.account, "people": installs.people(row), "trouble": trouble}
    return render(request, "bigcommerce/people.html", context, status=422 if trouble else 200)
