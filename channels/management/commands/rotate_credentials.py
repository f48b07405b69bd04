"""`rotate_credentials`: encrypt all stored credentials with the newest key of OMS_CREDENTIAL_KEYS."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from channels.models import AlertSettings, Connection, HookSubscription
from channels.models.fields import UnreadableCredentials
from channels.stores import services
from oms.kit.management.cli import COULD_NOT, DONE, CouldNot, ManifoldCommand, database_name


class Command(ManifoldCommand):
    help = "Encrypt all stored credentials with the newest key. The old keys can be removed afterwards."
    has_store = False
    has_dry_run = False
    exit_codes = {
        DONE: "all credentials are encrypted with the newest key",
        COULD_NOT: "nothing was changed: credentials that no key decrypts, or a database without any store",
    }
    result_form = '{"ok": true, "database": "PostgreSQL manifold on db:5432", "stores": 3, "forgotten": []}'

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--forget-unreadable",
            action="store_true",
            help="Delete credentials that no key decrypts: their key is lost for good. Each store must be reconnected.",
        )

    def run(self, **options: Any) -> tuple[int, Any]:
        names = dict(Connection.objects.order_by("pk").values_list("pk", "name"))
        if not names and not AlertSettings.objects.exclude(webhook=b"").exists():
            raise CouldNot(
                f"There is no store in {database_name()}. Is that the database of this installation? Nothing was changed."
            )
        unreadable, done = [], 0
        with transaction.atomic():
            for pk in names:
                try:
                    store = Connection.objects.select_for_update(no_key=True).get(pk=pk)
                except UnreadableCredentials:
                    unreadable.append(pk)
                else:
                    store.save(update_fields=["credentials", "webhook_secret"])
                    done += 1
            lost = _rotate_webhooks()
            lost_hooks = _rotate_hooks()
            if (unreadable or lost or lost_hooks) and not options["forget_unreadable"]:
                transaction.set_rollback(True)
            else:
                HookSubscription.objects.filter(pk__in=lost_hooks).update(secrets=b"", is_active=False)
                AlertSettings.objects.filter(pk__in=lost).update(webhook=b"")
            for pk in unreadable if options["forget_unreadable"] else ():
                services.forget_credentials(pk)
        listed = ", ".join(
            [
                *(names[pk] for pk in unreadable),
                *(f"webhook of {who}" for who in lost.values()),
                *(f"outgoing webhook {name}" for name in lost_hooks.values()),
            ]
        )
        if listed and not options["forget_unreadable"]:
            raise CouldNot(
                f"No key of OMS_CREDENTIAL_KEYS decrypts the credentials of: {listed}. Nothing was changed. Add their key "
                "again, or delete them with --forget-unreadable and reconnect these stores."
            )
        forgotten = [names[pk] for pk in unreadable] + [f"webhook of {who}" for who in lost.values()]
        return DONE, {"ok": True, "database": database_name(), "stores": done, "forgotten": forgotten}

    def say(self, result: Any) -> None:
        self.stdout.write(
            f"{result['stores']} stores in {result['database']}: credentials encrypted with the newest key."
        )
        if result["forgotten"]:
            self.stdout.write(f"Deleted, reconnect them: {', '.join(result['forgotten'])}.")


def _rotate_webhooks() -> dict[int, str]:
    """Encrypt the webhooks of people's alerts with the newest key; return whose no key decrypts, user id -> name."""
    lost = {}
    for pk, name in list(AlertSettings.objects.order_by("pk").values_list("pk", "user__username")):
        try:
            AlertSettings.objects.select_for_update(of=("self",)).get(pk=pk).save(update_fields=["webhook"])
        except UnreadableCredentials:
            lost[pk] = name
    return lost


def _rotate_hooks() -> dict[int, str]:
    """Encrypt the secrets of outgoing webhooks with the newest key; return those that no key decrypts, key -> name."""
    lost = {}
    for pk, name in list(HookSubscription.objects.order_by("pk").values_list("pk", "name")):
        try:
            HookSubscription.objects.select_for_update().get(pk=pk).save(update_fields=["secrets"])
        except UnreadableCredentials:
            lost[pk] = name
    return lost
