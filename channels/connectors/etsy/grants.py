"""Tokens of a shop that is not a store here yet: what a refresh token was spent for is never lost (`etsy.md` §1).

Connecting asks Etsy before anything is stored. If the access token given is over, asking spends the refresh token; were
its follower lost with a fault after it, the seller would have to sign in again.
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
CHAIN = 20  # spent tokens that still lead to the last one
KEPT = timedelta(days=90)


def _digest(token: str) -> str:
    return hashlib.blake2b(token.encode(), digest_size=16).hexdigest()


def _account(token: str) -> str:
    """Etsy's tokens begin with the number of the user whose they are."""
    return token.partition(".")[0][:200]


def follower(refresh_token: str) -> dict[str, Any] | None:
    """The tokens that came after this refresh token was spent here; None when it was not."""
    row = AppInstall.objects.filter(channel=CHANNEL, account=_account(refresh_token)).first()
    if row is None or _digest(refresh_token) not in row.details.get("spent", ()):
        return None
    return dict(row.credentials)


def keep(*, spent: str, fresh: Mapping[str, Any]) -> None:
    """Keep what a refresh token was spent for, committed before it is used; old ones that nobody came back for go."""
    account = _account(spent)
    with transaction.atomic(durable=True):
        AppInstall.objects.filter(channel=CHANNEL, installed_at__lt=timezone.now() - KEPT).delete()
        row = AppInstall.objects.select_for_update().filter(channel=CHANNEL, account=account).first()
        row = row or AppInstall(channel=CHANNEL, account=account)
        chain = [*row.details.get("spent", ()), _digest(spent)]
        row.details = {"spent": list(dict.fromkeys(chain))[-CHAIN:]}
        row.credentials, row.installed_at = Secrets(fresh), timezone.now()
        row.save()
