"""Signing in at Etsy from the connect wizard, and the address of Etsy's webhooks.

The verifier of PKCE never leaves the server: it is in the person's session under the state, works once, and for 15
minutes. An unknown or used state connects nothing.
"""

from __future__ import annotations

import logging
import secrets
import time
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from channels.connectors.etsy.auth import new_verifier, sign_in_url
from channels.connectors.etsy.client import app_of, ask_token
from channels.contract.documents import read_document
from channels.contract.errors import ChannelError
from channels.http.session import ChannelSession
from channels.models import Connection
from channels.stores import connect, webhooks
from oms.kit.authors.actors import person
from oms.kit.numbers import whole_number

log = logging.getLogger(__name__)

SESSION = "etsy_sign_in"
LIFE = 15 * 60  # seconds of a sign-in
AT_ONCE = 5  # sign-ins that a person may have open in several tabs
MAX_BODY = 64 * 1024
ADD, CHANGE = "channels.add_connection", "channels.change_connection"


def redirect_uri() -> str:
    """Return the address to which Etsy sends the seller back: https, and registered at Etsy in exactly this form."""
    return f"{settings.OMS_PUBLIC_URL.rstrip('/')}{reverse('channels:etsy:callback')}"


@login_required(login_url="admin:login")
@require_GET
def start(request: HttpRequest) -> HttpResponse:
    """Send the seller to Etsy: `?name=` for a new store, `?store=` to reconnect one."""
    store = _store(request.GET.get("store", ""))
    _allow(request, CHANGE if store else ADD)
    name = request.GET.get("name", "").strip()[:120]
    back = _back(store)
    if not store and not name:
        return _fail(request, _("Give the store a name."), back)
    if not settings.OMS_PUBLIC_URL:
        return _fail(request, _("Set OMS_PUBLIC_URL: Etsy needs the address to send you back to."), back)
    try:
        app = app_of()
    except ChannelError as error:
        return _fail(request, error.message, back)
    state, verifier = secrets.token_urlsafe(24), new_verifier()
    open_ones = _open(request)
    open_ones[state] = {
        "verifier": verifier,
        "name": name,
        "store": store.pk if store else None,
        "user": request.user.pk,
        "at": time.time(),
    }
    request.session[SESSION] = dict(list(open_ones.items())[-AT_ONCE:])
    return HttpResponseRedirect(
        sign_in_url(
            app.sign_in_url,
            keystring=app.keystring,
            redirect_uri=redirect_uri(),
            state=state,
            verifier=verifier,
        )
    )


@login_required(login_url="admin:login")
@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    """Exchange Etsy's code for tokens, and connect or reconnect the store."""
    open_ones = _open(request)
    begun = open_ones.pop(request.GET.get("state", ""), None)
    request.session[SESSION] = open_ones  # used up, whatever the result
    if begun is None or begun["user"] != request.user.pk:
        return _fail(
            request,
            _("This sign-in is unknown, was used already, or took longer than 15 minutes: begin again."),
            reverse("admin:connect"),
        )
    store = _store(str(begun["store"] or ""))
    _allow(request, CHANGE if store else ADD)
    back = _back(store, begun["name"])
    if request.GET.get("error") or not request.GET.get("code"):
        words = request.GET.get("error_description") or request.GET.get("error") or "?"
        return _fail(request, _("Etsy refused the sign-in: %s") % words[:200], back)
    try:
        app = app_of()
        session = ChannelSession(Connection(channel="etsy", name="Etsy"))
        credentials = ask_token(
            session,
            app,
            {
                "grant_type": "authorization_code",
                "client_id": app.keystring,
                "redirect_uri": redirect_uri(),
                "code": request.GET["code"],
                "code_verifier": begun["verifier"],
            },
        )
        if store:
            connect.reconnect(connection=store, credentials=credentials, author=person(request.user))
            messages.success(request, _("“%s” is connected again.") % store.name)
            return HttpResponseRedirect(reverse("admin:store", args=[store.pk]))
        made = connect.connect(
            channel="etsy", name=begun["name"], credentials=credentials, author=person(request.user)
        )
    except ChannelError as error:
        log.warning("sign-in at Etsy: %s %s", error.message, error.detail)
        return _fail(request, error.message, back)
    except connect.StoreError as error:
        return _fail(request, str(error), back)
    messages.success(request, _("Verified: %s.") % made.account.get("name", made.name))
    return HttpResponseRedirect(reverse("admin:store_first_sync", args=[made.pk]))


@csrf_exempt
@require_POST
def webhook(request: HttpRequest) -> HttpResponse:
    """Receive a webhook of the application: verified with its secret, saved for the shop that it is about.

    202 new, 200 known already or of a shop that is not connected, 401 not genuine, 413 too long.
    """
    secret = str(settings.OMS_APPS.get("etsy", {}).get("webhook_secret", ""))
    if len(request.body) > MAX_BODY:
        return HttpResponse(status=413)
    if webhooks.is_limited(request):
        return HttpResponse(status=429, headers={"Retry-After": str(webhooks.FORGED_WINDOW)})
    try:
        shop_id = str(read_document(request.body)["shop_id"])
    except (ValueError, KeyError, TypeError):
        return HttpResponse(status=401)
    store = Connection.objects.connected().filter(channel="etsy", fingerprint=shop_id).first()
    if not secret:
        return HttpResponse(status=401)
    if store is None:
        return HttpResponse(status=200)
    try:
        new = webhooks.receive(connection=store, headers=request.headers, body=request.body, secret=secret)
    except webhooks.Forged:
        webhooks.note_refused(store)
        webhooks.count_forged(request)
        return HttpResponse(status=401)
    return HttpResponse(status=202 if new else 200)


def _open(request: HttpRequest) -> dict[str, dict[str, Any]]:
    """Return the person's sign-ins that are not older than 15 minutes."""
    now = time.time()
    found: dict[str, dict[str, Any]] = request.session.get(SESSION) or {}
    return {state: begun for state, begun in found.items() if now - begun["at"] < LIFE}


def _store(pk: str) -> Connection | None:
    return Connection.objects.filter(pk=whole_number(pk) or 0, channel="etsy").first()


def _back(store: Connection | None, name: str = "") -> str:
    """Return the next page: the store, or the wizard with what was typed."""
    if store:
        return reverse("admin:store", args=[store.pk])
    typed = f"?{urlencode({'name': name})}" if name else ""
    return reverse("admin:connect_channel", args=["etsy"]) + typed


def _allow(request: HttpRequest, permission: str) -> None:
    if not (request.user.is_staff and request.user.has_perm(permission)):
        raise PermissionDenied


def _fail(request: HttpRequest, words: str, back: str) -> HttpResponse:
    messages.error(request, words)
    return HttpResponseRedirect(back)
