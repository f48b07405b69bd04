"""`rotate_credentials`: encrypt all stored credentials with the newest key of OMS_CREDENTIAL_KEYS."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from channels.models import Connection
from channels.models.fields import UnreadableCredentials


class Command(BaseCommand):
    help = "Encrypt all stored credentials with the newest key. The old keys can be removed afterwards."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with transaction.atomic():
                done = 0
                for store in Connection.objects.select_for_update(no_key=True).order_by("pk"):
                    store.save(update_fields=["credentials", "webhook_secret"])
                    done += 1
        except UnreadableCredentials as error:
            raise CommandError(str(error), returncode=2) from error
        self.stdout.write(f"{done} stores: credentials encrypted with the newest key.")
