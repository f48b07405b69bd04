"""`setup_token`: print the token of the first-run page."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from oms.accounts import first_run
from oms.kit.management.cli import DONE, REFUSALS, ManifoldCommand


class Command(ManifoldCommand):
    help = "Print the token with which the first owner makes an account on the set-up page (/setup/)."
    has_store = False
    has_dry_run = False
    exit_codes = {DONE: "printed", REFUSALS: "somebody has an account already: there is no set-up page"}
    result_form = '{"ok": true, "token": "…", "address": "https://oms.example.com/setup/"}'

    def run(self, **options: Any) -> tuple[int, Any]:
        if not first_run.is_needed():
            return REFUSALS, {"ok": False, "token": "", "address": ""}
        return DONE, {"ok": True, "token": first_run.token(), "address": f"{settings.OMS_PUBLIC_URL}/setup/"}

    def say(self, result: Any) -> None:
        if result["ok"]:
            self.stdout.write(f"Set-up token: {result['token']}. Enter it on {result['address']}")
        else:
            self.stdout.write("Somebody has an account already: sign in.")
