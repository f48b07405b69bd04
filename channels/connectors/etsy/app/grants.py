"""Tokens of a shop that is not a store yet: those that replaced a refresh token are never lost (`etsy.md` §1).

Connecting asks Etsy before the store is saved. If the given access token has ended, asking uses the refresh token up; if
the tokens that replace it were lost by a later fault, the seller would have to sign in again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from channels.models import AppInstall
from channels.models.fields import Secrets

CHANNEL = "etsy"
CHAIN = 20  # used tokens for which the last ones are still found
KEPT = timedelta(days=90)


def _digest(token: str) -> str:
    return hashlib.blake2b(token.encode(), digest_size=16).hexdigest()


def _account(token: str) -> str:
    """Return the user's number, with which Etsy's tokens begin."""
    return token.partition(".")[0][:200]


def follower(refresh_token: str) -> dict[str, Any] | None:
    """Return the tokens that replaced this refresh token; None when it was not used."""
    row = AppInstall.objects.filter(channel=CHANNEL, account=_account(refresh_token)).first()
    if row is None or _digest(refresh_token) not in row.details.get("spent", ()):
        return None
    return dict(row.credentials)


def save(*, spent: str, fresh: Mapping[str, Any]) -> None:
    """Save the tokens that replaced a refresh token, committed before they are used; delete those of 90 days ago."""
    account = _account(spent)
    with transaction.atomic(durable=True):
        AppInstall.objects.filter(channel=CHANNEL, installed_at__lt=timezone.now() - KEPT).delete()
        row = AppInstall.objects.select_for_update().filter(channel=CHANNEL, account=account).first()
        row = row or AppInstall(channel=CHANNEL, account=account)
        chain = [*row.details.get("spent", ()), _digest(spent)]
        row.details = {"spent": list(dict.fromkeys(chain))[-CHAIN:]}
        row.credentials, row.installed_at = Secrets(fresh), timezone.now()
        row.save()
