"""The app on BigCommerce's stores: installed, opened, removed; and the one-time ticket that leads out of its frame.

The control panel shows our pages in a frame, where our cookies do not live. What a page there may hand on is a ticket:
signed, good for ten minutes and for one use, and redeemed in a window of its own by somebody signed in here.
"""

from __future__ import annotations

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
from channels.contract.errors import ChannelError
from channels.http.session import ChannelSession
from channels.models import AppInstall, Connection
from channels.models.fields import Secrets
from channels.stores import connect, services

SALT = "bigcommerce.ticket"
TICKET_SECONDS = 600
KEPT_TICKETS = 200
KEPT_WAITING = 50


class NotAllowed(Exception):
    """The text says what is wrong and what to do."""


def app() -> dict[str, str]:
    """This installation's application; raises `NotAllowed` when there is none."""
    found = settings.OMS_APPS[SPEC.key]
    if not found["client_id"] or not found["client_secret"]:
        raise NotAllowed(
            _("This installation has no BigCommerce app: connect the store with a store-level API account.")
        )
    return found


def instructions(store: Connection | None) -> str:
    """Return how to connect (None) or reconnect a store by the app; empty where this installation or store has none."""
    ours = settings.OMS_APPS[SPEC.key]
    if not ours["client_id"] or not ours["client_secret"]:
        return ""
    if store is None:
        return _(
            "In BigCommerce's control panel, open Apps, install this app, and follow the link that it shows: "
            "it leads back to here, and no key is copied by hand."
        )
    if not store.credentials.get("app"):
        return ""
    return _(
        "This store is connected by the app. In BigCommerce's control panel, open Apps » My Apps and launch it; if it "
        "was removed there, install it again. The store then goes on by itself, with its history."
    )


# ---------------------------------------------------------------- from BigCommerce


def install(*, code: str, scope: str, context: str, redirect_uri: str) -> tuple[AppInstall, str]:
    """Exchange the code and keep the token under the store's hash; returns the installation and what went wrong.

    The same store again (its scopes or its owner have changed) replaces the token, which has died: a store that is
    connected goes on with the new one, with its history. Raises `NotAllowed` when BigCommerce refuses the code.
    """
    ours = app()
    session = ChannelSession(Connection(channel=SPEC.key, name=SPEC.label, credentials=Secrets(ours)))
    try:
        given = auth.exchange_code(
            session, ours, code=code, scope=scope, context=context, redirect_uri=redirect_uri
        )
    except ChannelError as error:
        raise NotAllowed(error.message) from None
    finally:
        session.close()
    store_hash = auth.hash_of(str(given["context"]))  # what BigCommerce says, not the address bar
    credentials = {
        "api_path": f"{ours['api_url']}/stores/{store_hash}/v3",
        "access_token": str(given["access_token"]),
        "app": "installed",
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
    """A store that is connected already goes on with the new token; returns a sentence where that failed."""
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
    """The store that was made of this installation, unless it was disconnected."""
    found = Connection.objects.filter(channel=row.channel, fingerprint=row.account).first()
    return None if found is None or found.state == Connection.State.DISCONNECTED else found


def person_of(token: str) -> auth.Person:
    """Who BigCommerce says is calling; raises `auth.BadSignature`, `NotAllowed`."""
    ours = app()
    return auth.verify_jwt(
        token,
        client_id=ours["client_id"],
        client_secret=ours["client_secret"],
        now=timezone.now().timestamp(),
    )


def opened(person: auth.Person) -> AppInstall:
    """The installation that this person may open: the store has the app, and we know the person.

    Any token of the app would pass the signature; that it names an installed store and a known user is checked here.
    Another user of the control panel waits until somebody lets them in (`people`). Raises `NotAllowed`.
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
            "You are not known here as a user of this store. Its owner has been asked: they open this app and let you in. "
            "If you have an account here, sign in directly."
        )
    )


@transaction.atomic
def _change(row: AppInstall, **details: Any) -> AppInstall:
    row = AppInstall.objects.select_for_update().get(pk=row.pk)
    row.details = {**row.details, **details}
    row.save(update_fields=["details"])
    return row


def uninstalled(person: auth.Person) -> None:
    """The token is dead and the hooks are gone: the store is disconnected, its data stay.

    A token from before the present installation is a copy, or late: it changes nothing.
    """
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


def remove_user(person: auth.Person) -> None:
    """Somebody may not open the app of this store any more."""
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
    """Who asked to open the app, those who wait first; the owner always may and is not in the list."""
    emails = {**row.details.get("emails", {}), **row.details.get("waiting", {})}
    found = [
        *((user, "waiting") for user in row.details.get("waiting", ())),
        *((user, "in") for user in row.details.get("users", ()) if user != row.details.get("owner")),
        *((user, "refused") for user in row.details.get("refused", ())),
    ]
    return [User(user, emails.get(user, ""), state) for user, state in found]


@transaction.atomic
def decide(row: AppInstall, user_id: str, *, is_let_in: bool) -> AppInstall:
    """Let somebody who asked open the app, or refuse them; it can be decided anew. Raises `NotAllowed` for a stranger."""
    row = AppInstall.objects.select_for_update().get(pk=row.pk)
    user = next((user for user in people(row) if user.user_id == user_id), None)
    if user is None:
        raise NotAllowed(_("This person has not asked to open the app."))
    _forget(row, user_id)
    key = "users" if is_let_in else "refused"
    emails = {**row.details.get("emails", {}), user_id: user.email}
    return _change(row, emails=emails, **{key: [*row.details.get(key, ()), user_id]})


def _forget(row: AppInstall, user_id: str) -> None:
    """Take somebody off all lists of a row that is locked."""
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
    return signing.dumps({"install": row.pk, "nonce": secrets.token_hex(8)}, salt=SALT)


@transaction.atomic
def redeem(ticket: str) -> AppInstall:
    """The installation that a ticket stands for; the ticket is used up. Raises `NotAllowed`."""
    try:
        content = signing.loads(ticket, salt=SALT, max_age=TICKET_SECONDS)
    except signing.BadSignature:
        raise NotAllowed(
            _("This link has expired or is not ours: open the app in BigCommerce once more.")
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
    """Make the installation a store of this house, or bring the one back that it was. Raises `services.StoreError`."""
    store = store_of(row)
    if store is not None:
        return store
    return connect.connect(channel=SPEC.key, name=name, credentials=_plain(row.credentials), author=author)


def _plain(credentials: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in credentials.items()}


def missing_words(store_hash: str) -> list[str]:
    """Permissions that the app wants and this store did not grant."""
    row = AppInstall.objects.filter(channel=SPEC.key, account=store_hash).first()
    return auth.missing_scopes(str(row.details.get("scope", ""))) if row and row.details.get("scope") else []
