"""What the people of the trial do: they sell, adjust stock and ship, through the web server's API and a killed command."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass, field
from typing import Any

from contrib.trials.installation import House, Shops

FORK = multiprocessing.get_context("fork")
MOVES = {"new": "release", "rfp": "pack", "packed": "ready_to_ship"}


@dataclass
class Call:
    """A write of the API. It is sent with the same key until it is answered, so it must act once."""

    path: str
    body: dict[str, Any]
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    tries: int = 0


@dataclass
class Desk:
    """The people. `adjusted` are all adjustments by their reason, `refused` answers that are no success."""

    house: House
    shops: Shops
    dice: random.Random
    token: str = ""
    skus: list[str] = field(default_factory=list)
    warehouse: str = ""
    carrier: int = 0
    waiting: list[Call] = field(default_factory=list)
    adjusted: dict[str, tuple[str, int]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    answered: int = 0
    repeated: int = 0

    def open(self) -> None:
        """Make a key of the API, and look at what there is to sell."""
        from catalogue.models import ListingVariant
        from inventory.models import Warehouse
        from oms.kit.api import keys
        from oms.kit.authors.actors import SYSTEM
        from orders.models import Carrier

        scopes = ["orders:read", "orders:write", "stock:read", "stock:write"]
        _row, self.token = keys.create(name="Trial", scopes=scopes, by=SYSTEM)
        self.skus = sorted(set(ListingVariant.objects.values_list("external_sku", flat=True)))
        self.warehouse = Warehouse.objects.order_by("pk").values_list("code", flat=True)[0]
        self.carrier = Carrier.objects.values_list("pk", flat=True)[0]

    def sell(self, most: int = 2) -> None:
        """Let up to `most` buyers place orders in shops."""
        for _order in range(self.dice.randint(1, most)):
            channel = self.dice.choice(sorted(self.shops.running))
            self.shops.buy(channel, self.dice.choice(self.skus), self.dice.randint(1, 2))

    def plan(self) -> None:
        """Decide what people do next: an adjustment, and the next move of a few orders in each status."""
        from orders.models import Order

        if self.dice.random() < 0.7:
            reason = f"trial {uuid.uuid4().hex[:12]}"
            sku, delta = self.dice.choice(self.skus), self.dice.choice((1, 2, 3, 5, 8))
            self.adjusted[reason] = (sku, delta)
            body = {"sku": sku, "warehouse": self.warehouse, "delta": delta, "reason": reason}
            self.waiting.append(Call("stock/adjustments", body))
        busy = {pk for call in self.waiting for pk in call.body.get("orders", ())}
        for status, move in MOVES.items():
            rows = Order.objects.filter(status=status).exclude(pk__in=busy).order_by("pk")
            ids = list(rows.values_list("pk", flat=True)[: self.dice.randint(1, 4)])
            if ids:
                body = {"move": move, "orders": ids}
                if move == "ready_to_ship":
                    body["tracking"] = [
                        {"order": pk, "number": f"JD{pk:06}", "carrier": self.carrier} for pk in ids
                    ]
                self.waiting.append(Call("orders/moves", body))

    def send(self) -> None:
        """Send what waits. What is not answered is sent again in a later round."""
        calls, self.waiting = self.waiting, []
        for call in calls:
            call.tries += 1
            if not self._is_answered(call):
                self.waiting.append(call)

    def _is_answered(self, call: Call) -> bool:
        request = urllib.request.Request(
            f"http://{self.house.host}:{self.house.port}/api/v1/{call.path}",
            json.dumps(call.body).encode(),
            {
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                "Idempotency-Key": call.key,
            },
            method="POST",
        )
        try:
            with urllib.request.urlopen(request, timeout=3) as answer:
                self.answered += 1
                self.repeated += answer.headers.get("Idempotent-Replayed") == "true"
                return True
        except urllib.error.HTTPError as error:
            if error.code in (400, 404, 422) or (error.code == 409 and "Retry-After" not in error.headers):
                self.refused.append(
                    f"{call.path} {error.code}: {error.read()[:200].decode(errors='replace')}"
                )
                return True
            return False
        except (urllib.error.URLError, OSError, ValueError):
            return False

    def hand_over(self, killed_after: float | None) -> bool:
        """Make a manifest of what is ready, in a process that is killed after so many seconds; return whether it was."""
        from django.db import connections

        connections.close_all()
        worker = FORK.Process(target=_hand_over, daemon=True)
        worker.start()
        until = time.monotonic() + (8.0 if killed_after is None else killed_after)
        while worker.is_alive() and time.monotonic() < until:
            time.sleep(0.005)
        is_killed = worker.is_alive()
        worker.kill()
        worker.join()
        return is_killed


def _hand_over() -> None:
    from inventory.models import Warehouse
    from oms.kit.authors.actors import SYSTEM
    from orders.models import Carrier
    from orders.services.handing_over import manifests

    try:
        for warehouse in Warehouse.objects.all():
            for carrier in Carrier.objects.all():
                manifests.create_manifest(carrier=carrier, warehouse=warehouse, by=SYSTEM)
    except BaseException:  # noqa: BLE001 (the database may be away: somebody does it later)
        os._exit(1)
    os._exit(0)
