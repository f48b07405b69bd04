"""The app on BigCommerce's stores: installed, opened, removed; and the one-time ticket that opens Manifold from it.

The control panel shows the app's pages in a frame, in which Manifold's cookies are not sent. So such a page links to
Manifold with a ticket: signed, valid for ten minutes and one use, redeemed in a new window by a person who is signed in
to Manifold.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.connectors.bigcommerce import auth
from channels.connectors.bigcommerce.channel import SPEC
from channels.contract.errors import AuthError, ChannelError
from channels.http.session import ChannelSession
from channels.models import AppInstall, Connection
from channels.models.fields import Secrets
from channels.stores import connect, services

SALT = "bigcommerce.ticket"
TICKET_SECONDS = 600
KEPT_TICKETS = 200
KEPT_WAITING = 50

log = logging.getLogger(__name__)


class NotAllowed(Exception):
    """The text says what is wrong and what to do."""


def app() -> dict[str, str]:
    """Return this installation's application; raise `NotAllowed` when there is none."""
    found = settings.OMS_APPS[SPEC.key]
    if not found["client_id"] or not found["client_secret"]:
        raise NotAllowed(
            _("This installation has no BigCommerce app: connect the store with a store-level API account.")
        )
    return found


def instructions(store: Connection | None) -> str:
    """Return how to connect (None) or reconnect a store by the app; empty where this installation or store has none."""
    own_app = settings.OMS_APPS[SPEC.key]
    if not own_app["client_id"] or not own_app["client_secret"]:
        return ""
    if store is None:
        return _(
            "In BigCommerce's control panel, open Apps, install this app, and follow the link that it shows: "
            "it leads back to Manifold, and no key is copied by hand."
        )
    if not store.credentials.get("app"):
        return ""
    return _(
        "This store is connected by the app. In BigCommerce's control panel, open Apps » My Apps and launch it; if it "
        "was removed there, install it again. The store then continues with its history."
    )


# ---------------------------------------------------------------- from BigCommerce


def install(*, code: str, scope: str, context: str, redirect_uri: str) -> tuple[AppInstall, str]:
    """Exchange the code and save the token under the store's hash; return the installation and what went wrong ("").

    Installing again (its scopes or its owner have changed) replaces the token, which is no longer valid: a connected
    store continues with the new one and its history. Raises `NotAllowed` when BigCommerce refuses the code.
    """
    own_app = app()
    session = ChannelSession(Connection(channel=SPEC.key, name=SPEC.label, credentials=Secrets(own_app)))
    try:
        given = auth.exchange_code(
            session, own_app, code=code, scope=scope, context=context, redirect_uri=redirect_uri
        )
    except ChannelError as error:
        raise NotAllowed(error.message) from None
    finally:
        session.close()
    store_hash = auth.hash_of(str(given["context"]))  # from BigCommerce's answer, not from the address
    credentials = {
        "api_path": f"{own_app['api_url']}/stores/{store_hash}/v3",
        "access_token": str(given["access_token"]),
        "app": "installed",
        "scope": str(given.get("scope") or ""),
    }
    with transaction.atomic():
        row, _made = AppInstall.objects.select_for_update().get_or_create(
            channel=SPEC.key, account=store_hash
        )
        people = {str((given.get(role) or {}).get("id") or "") for role in ("user", "owner")} - {""}
        row.details = {
            **row.details,
            "scope": str(given.get("scope") or ""),
            "owner": str((given.get("owner") or {}).get("id") or ""),
            "users": sorted({*row.details.get("users", ()), *people}),
        }
        row.credentials, row.installed_at, row.uninstalled_at = Secrets(credentials), timezone.now(), None
        row.save()
    return row, _renew(row)


def _renew(row: AppInstall) -> str:
    """Give a connected store the new token; return the error message where that failed, else ""."""
    store = store_of(row)
    if store is None:
        return ""
    Connection.objects.filter(pk=store.pk).update(credentials=Secrets(row.credentials))
    store.refresh_from_db()
    try:
        connect.reconnect(connection=store, credentials=row.credentials)
    except connect.StoreError as error:
        return str(error)
    return ""


def store_of(row: AppInstall) -> Connection | None:
    """Return the store that was connected from this installation, unless it was disconnected."""
    found = Connection.objects.filter(channel=row.channel, fingerprint=row.account).first()
    return None if found is None or found.state == Connection.State.DISCONNECTED else found


def person_of(token: str) -> auth.Person:
    """Return the person that BigCommerce names; raise `auth.BadSignature` or `NotAllowed`."""
    own_app = app()
    return auth.verify_jwt(
        token,
        client_id=own_app["client_id"],
        client_secret=own_app["client_secret"],
        now=timezone.now().timestamp(),
    )


def opened(person: auth.Person) -> AppInstall:
    """Return the installation that this person may open: the store has the app, and the person is known.

    Any token of the app has a valid signature; that it names an installed store and a known user is checked here.
    Another user of the control panel waits until somebody decides (`people`). Raises `NotAllowed`.
    """
    row = AppInstall.objects.filter(channel=SPEC.key, account=person.store_hash, uninstalled_at=None).first()
    if row is None:
        raise NotAllowed(_("The app is not installed on this store any more: install it again."))
    if person.user_id in {row.details.get("owner", ""), *row.details.get("users", ())}:
        return row
    if person.is_owner:  # the store has another owner now
        return _change(row, owner=person.owner_id)
    if person.user_id in row.details.get("refused", ()):
        raise NotAllowed(_("You may not open this app: ask the owner of the store."))
    waiting = {**row.details.get("waiting", {}), person.user_id: person.email[:254]}
    _change(row, waiting=dict(list(waiting.items())[-KEPT_WAITING:]))
    raise NotAllowed(
        _(
            "You are not a known user of this store. Its owner has been asked: they open this app and allow your access. "
            "If you have an account in Manifold, sign in directly."
        )
    )


@transaction.atomic
def _change(row: AppInstall, **details: Any) -> AppInstall:
    row = AppInstall.objects.select_for_update().get(pk=row.pk)
    row.details = {**row.details, **details}
    row.save(update_fields=["details"])
    return row


def uninstalled(person: auth.Person) -> None:
    """Disconnect the store, whose token and webhooks BigCommerce has deleted; its data stay.

    Only the owner of the store can remove the app: the call of another user changes nothing. Nor does a call from before
    the present installation, which is a copy or late. Before anything is deleted, a call with our access token must show
    that BigCommerce refuses it: a token that still works was not revoked, whoever says so.
    """
    if not person.is_owner:
        log.warning("uninstall of %s was asked by a user who is not its owner", person.store_hash)
        return
    installed = AppInstall.objects.filter(
        channel=SPEC.key, account=person.store_hash, uninstalled_at=None
    ).first()
    if installed is None or not _is_revoked(installed):
        return
    with transaction.atomic():
        row = (
            AppInstall.objects.select_for_update()
            .filter(channel=SPEC.key, account=person.store_hash, uninstalled_at=None)
            .first()
        )
        if row is None or datetime.fromtimestamp(person.issued_at + auth.LEEWAY, UTC) < row.installed_at:
            return
        row.credentials, row.uninstalled_at = Secrets(), timezone.now()
        row.save(update_fields=["credentials", "uninstalled_at"])
        store = store_of(row)
    if store is not None and store.credentials.get("app"):
        services.disconnect(
            connection=store,
            reason=_("The app was removed from this store in BigCommerce: install it there again to go on."),
        )


def _is_revoked(row: AppInstall) -> bool:
    """Whether BigCommerce refuses the access token of an installation. False when it works, or cannot be asked now."""
    try:
        connect.verify_account(channel=SPEC.key, credentials=_plain(row.credentials))
    except connect.StoreError as error:
        if isinstance(error.__cause__, AuthError):
            return True
        log.warning("uninstall of %s: its token could not be checked: %s", row.account, error)
    return False


def remove_user(person: auth.Person) -> None:
    """Take from this person the right to open the app of this store."""
    with transaction.atomic():
        for row in AppInstall.objects.select_for_update().filter(channel=SPEC.key, account=person.store_hash):
            _forget(row, person.user_id)


# ---------------------------------------------------------------- who may open it


@dataclass(frozen=True, slots=True)
class User:
    """A user of the store's control panel, and whether they may open the app: "in", "waiting" or "refused"."""

    user_id: str
    email: str
    state: str


def people(row: AppInstall) -> list[User]:
    """Return who asked to open the app, those who wait first; the owner always may and is not in the list."""
    emails = {**row.details.get("emails", {}), **row.details.get("waiting", {})}
    found = [
        *((user, "waiting") for user in row.details.get("waiting", ())),
        *((user, "in") for user in row.details.get("users", ()) if user != row.details.get("owner")),
        *((user, "refused") for user in row.details.get("refused", ())),
    ]
    return [User(user, emails.get(user, ""), state) for user, state in found]


@transaction.atomic
def decide(row: AppInstall, user_id: str, *, is_allowed: bool) -> AppInstall:
    """Allow or refuse somebody who asked to open the app; it can be changed later.

    Raises `NotAllowed` for a person who has not asked.
    """
    row = AppInstall.objects.select_for_update().get(pk=row.pk)
    user = next((user for user in people(row) if user.user_id == user_id), None)
    if user is None:
        raise NotAllowed(_("This person has not asked to open the app."))
    _forget(row, user_id)
    key = "users" if is_allowed else "refused"
    emails = {**row.details.get("emails", {}), user_id: user.email}
    return _change(row, emails=emails, **{key: [*row.details.get(key, ()), user_id]})


def _forget(row: AppInstall, user_id: str) -> None:
    """Remove somebody from all lists of a locked row."""
    row.details = {
        **row.details,
        **{
            name: [user for user in row.details.get(name, ()) if user != user_id]
            for name in ("users", "refused")
        },
        **{
            name: {user: email for user, email in row.details.get(name, {}).items() if user != user_id}
            for name in ("waiting", "emails")
        },
    }
    row.save(update_fields=["details"])


# ---------------------------------------------------------------- out of the frame


def ticket_for(row: AppInstall) -> str:
    """Return a signed ticket for this installation."""
    return signing.dumps({"install": row.pk, "nonce": secrets.token_hex(8)}, salt=SALT)


@transaction.atomic
def redeem(ticket: str) -> AppInstall:
    """Return the installation of a ticket, which cannot be used again; raise `NotAllowed` where it is not valid."""
    try:
        content = signing.loads(ticket, salt=SALT, max_age=TICKET_SECONDS)
    except signing.BadSignature:
        raise NotAllowed(
            _("This link has expired or is not valid: open the app in BigCommerce once more.")
        ) from None
    row = AppInstall.objects.select_for_update().filter(pk=content["install"], uninstalled_at=None).first()
    if row is None:
        raise NotAllowed(_("The app is not installed on this store any more: install it again."))
    used = list(row.details.get("used", ()))
    if content["nonce"] in used:
        raise NotAllowed(_("This link was used already: open the app in BigCommerce once more."))
    row.details = {**row.details, "used": [*used, content["nonce"]][-KEPT_TICKETS:]}
    row.save(update_fields=["details"])
    return row


def claim(row: AppInstall, *, name: str, author: Any) -> Connection:
    """Connect the installation as a store, or return the one that it is already. Raises `connect.StoreError`."""
    store = store_of(row)
    if store is not None:
        return store
    return connect.connect(channel=SPEC.key, name=name, credentials=_plain(row.credentials), author=author)


def _plain(credentials: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in credentials.items()}
