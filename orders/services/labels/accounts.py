"""Connect an account at a carrier, change it, disconnect it. Pausing is the service of stores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.registry import carrier_specs
from channels.models import Connection
from channels.models.fields import Secrets
from channels.stores import connect as store_connect
from channels.stores import services as store_services
from oms.kit.authors import audit
from oms.kit.authors.actors import Author
from orders.domain.carriers import note_in_use
from orders.errors import OrderError
from orders.models import Carrier, CarrierAccount, LabelPurchase

SENDER = ("name", "company", "line1", "line2", "city", "postcode", "country", "phone", "email")
SETTINGS = (
    "carrier default_service label_format default_grams sender hs_code origin prefix last_number end_number"
).split()


class AccountError(OrderError):
    """An account cannot be saved like this; `field` names the wrong input."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


def connect(
    *, key: str, name: str, credentials: Mapping[str, Any], settings: Mapping[str, Any], by: Author
) -> CarrierAccount:
    """Connect an account after a real call with its credentials (`channels.stores.connect`). Raises `AccountError`.

    `settings` are the fields of `CarrierAccount`, and `is_test`. The same account is never connected twice.
    """
    spec = carrier_specs().get(key)
    name = name.strip()
    if spec is None:
        raise AccountError(_("There is no such carrier."), field="carrier")
    if not name:
        raise AccountError(_("Enter a name."), field="name")
    given = {field.name: credentials.get(field.name, "") for field in spec.credential_fields}
    identity = _verify(key, name, given)
    try:
        with transaction.atomic():
            row = Connection.objects.select_for_update().filter(channel=key, fingerprint=identity).first()
            if row is not None and row.state != Connection.State.DISCONNECTED:
                raise AccountError(_("This account is connected already as “%s”.") % row.name)
            row = row or Connection(kind=Connection.Kind.CARRIER, channel=key, fingerprint=identity)
            row.name, row.credentials, row.is_read_only = name[:120], Secrets(given), False
            row.state, row.state_reason, row.state_since = Connection.State.ACTIVE, "", timezone.now()
            row.pushing_since = row.report_seen_at = timezone.now()
            row.options = {"is_test": bool(settings.get("is_test"))}
            row.webhook_secret = Secrets(secret=str(given.get("secret_key") or ""))
            row.save()
            account, _made = CarrierAccount.objects.get_or_create(connection=row)
            _set(account, settings)
            audit.record("carrier.connected", row, by=by)
            transaction.on_commit(note_in_use)
    except IntegrityError:
        raise AccountError(
            _("There is already a store or an account with this name."), field="name"
        ) from None
    return account


def _verify(key: str, name: str, credentials: Mapping[str, Any]) -> str:
    try:
        record = store_connect.verify_account(channel=key, credentials=credentials, name=name)
    except store_connect.StoreError as error:
        raise AccountError(str(error), field=error.field) from error
    return record.identity[:200]


def change(
    *,
    account: CarrierAccount,
    name: str,
    credentials: Mapping[str, Any],
    settings: Mapping[str, Any],
    by: Author,
) -> None:
    """Change an account. Secrets that are empty stay; keys that are new are verified first, and are of the same account.

    An account that refused its keys is used again. Raises `AccountError`.
    """
    row = account.connection
    if row.state == Connection.State.DISCONNECTED:
        raise AccountError(_("“%s” is disconnected. Connect it again first.") % row.name)
    if not name.strip():
        raise AccountError(_("Enter a name."), field="name")
    new = {**row.credentials, **{key: value for key, value in credentials.items() if value}}
    renewed = new != dict(row.credentials) or row.state == Connection.State.NEEDS_SELLER
    if renewed and account.spec.credential_fields and _verify(row.channel, row.name, new) != row.fingerprint:
        raise AccountError(_("These keys belong to another account. Connect it as a new one."))
    try:
        with transaction.atomic():
            row = Connection.objects.select_for_update(no_key=True).get(pk=row.pk)
            with audit.watch(row, "name", "credentials", "state", "options", what="carrier.changed", by=by):
                row.name, row.credentials = name.strip()[:120], Secrets(new)
                row.webhook_secret = Secrets(secret=str(new.get("secret_key") or ""))
                row.options = {**row.options, "is_test": bool(settings.get("is_test"))}
                if renewed and row.state == Connection.State.NEEDS_SELLER:
                    row.state, row.state_reason, row.state_since = Connection.State.ACTIVE, "", timezone.now()
                row.save()
            _set(CarrierAccount.objects.select_for_update(of=("self",)).get(pk=account.pk), settings)
    except IntegrityError:
        raise AccountError(
            _("There is already a store or an account with this name."), field="name"
        ) from None


def _set(account: CarrierAccount, settings: Mapping[str, Any]) -> None:
    """Save the settings that are given. The last number of a range never goes below one that was used."""
    for name in SETTINGS:
        if name in settings:
            value = settings[name]
            if name == "last_number":
                value = max(int(value or 0), account.last_number)
            setattr(account, name, value)
    if account.spec.own_numbers and account.carrier is None:
        account.carrier = Carrier.objects.filter(key=account.connection.name.casefold()).first()
    try:
        account.clean_fields(exclude=["connection"])
    except ValidationError as error:
        name, words = next(iter(error.message_dict.items()))
        raise AccountError(" ".join(words), field=name) from error
    if account.last_number > account.end_number:
        raise AccountError(_("The range must end after its last number."), field="end_number")
    account.save()


def disconnect(*, account: CarrierAccount, by: Author) -> None:
    """Disconnect an account: its keys are deleted, its labels stay. Raises `AccountError` while one is being bought."""
    waiting = LabelPurchase.objects.filter(
        account=account, state__in=("wanted", "asked", "unknown", "cancelling")
    )
    if waiting.exists():
        raise AccountError(
            _(
                "Labels of this account are being bought or cancelled. Wait until they are done, then disconnect."
            )
        )
    store_services.disconnect(connection=account.connection, reason=_("Disconnected by %s.") % by.label)
