# long because: the steps of one seller are one sequence.
"""Test a running OpenCart shop with a real Manifold OMS: every step that a seller does.

    make opencart-lab SHOP=http://127.0.0.1:8080

The shop must run already with its demo products (the script installs no OpenCart). Its admin user is SHOP_ADMIN_USER
(admin) with SHOP_ADMIN_PASSWORD; LAB_SQL is a command that runs SQL in its database (without it some steps are skipped);
SHOP_ADMIN_PATH is a renamed admin folder. Manifold OMS runs with an own database under
build/lab, its web server and its three worker lanes. One JSON line for each step, also in build/lab/<shop>/steps.jsonl;
exit code 1 when a step failed. With LAB_SCREENSHOTS=folder and Playwright's browser, pictures of the pages are saved.

The shop is changed: the extension is installed again, orders are placed, one product is created and deleted.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT), str(HERE / "tests")]
SOON = 10.0  # seconds within which a change must have reached the other side
LANES = ("orders", "stock", "default")
STEPS: list[Callable[[Lab], Any]] = []


class Failed(AssertionError):
    """A step had another result than a seller would expect."""


class Skipped(Exception):
    """A step that this machine cannot do."""


def step(function: Callable[[Lab], Any]) -> Callable[[Lab], Any]:
    STEPS.append(function)
    return function


def expect(holds: object, words: str) -> None:
    if not holds:
        raise Failed(words)


def wait_for(what: Callable[[], Any], words: str, *, seconds: float = SOON) -> tuple[Any, float]:
    """Return the first true result of `what`, and how many seconds it took."""
    begun = time.monotonic()
    while True:
        answer = what()
        took = time.monotonic() - begun
        if answer:
            return answer, round(took, 2)
        if took > seconds:
            raise Failed(f"{words}: not within {seconds:.0f} s")
        time.sleep(0.2)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Lab:
    """The shop, the Manifold installation, and what the steps have found so far."""

    def __init__(self, url: str) -> None:
        from shop import Shop  # type: ignore[import-not-found]

        self.url = url.rstrip("/")
        os.environ["SHOP"] = self.url
        self.shop = Shop.from_env()
        self.folder = ROOT / "build" / "lab" / re.sub(r"\W+", "-", self.url.partition("://")[2]).strip("-")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.port = free_port()
        self.store_id = 0
        self.order_id = 0
        self.key = ""
        self.product = 0  # in the shop: a single product with plenty of stock
        self.notes: dict[str, Any] = {}

    # ------------------------------------------------ the Manifold installation
    @contextlib.contextmanager
    def manifold(self) -> Iterator[None]:
        """Run web server and lanes, each in its own session, until the block ends."""
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "oms.settings",
            "OMS_ENV_FILE": "",
            "OMS_VAR_DIR": str(self.folder / "var"),
            "OMS_DEMO": "true",
            "OMS_HTTPS": "false",
            "OMS_ALLOWED_PRIVATE_HOSTS": "127.0.0.1,localhost",
            "OMS_PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "SECRET_KEY": os.urandom(32).hex(),
            "LOG_LEVEL": "WARNING",
        }
        from cryptography.fernet import Fernet

        os.environ["OMS_CREDENTIAL_KEYS"] = Fernet.generate_key().decode()
        import django

        django.setup()
        from django.core.management import call_command

        (self.folder / "var" / "static").mkdir(parents=True)
        call_command("migrate", verbosity=0)
        web = [sys.executable, "-m", "gunicorn", "oms.wsgi", "--no-control-socket", "--bind", f"127.0.0.1:{self.port}",
               "--worker-class", "gthread", "--threads", "4"]  # fmt: skip
        running = [
            self._start("web", web, {}),
            *(
                self._start(f"lane-{lane}", self._manage("qcluster"), {"Q_CLUSTER_NAME": lane})
                for lane in LANES
            ),
        ]
        try:
            yield
        finally:
            for process in running:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
            for process in running:
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)

    def _start(self, name: str, words: list[str], extra: dict[str, str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                words, cwd=ROOT, env={**os.environ, **extra}, stdout=log, stderr=log, start_new_session=True
            )

    def _manage(self, *words: str) -> list[str]:
        return [sys.executable, str(ROOT / "manage.py"), *words]

    def command(self, *words: str) -> tuple[int, dict[str, Any], str]:
        """Run a `manage.py` command; return exit code, its JSON, and the text of its error stream."""
        done = subprocess.run(self._manage(*words), cwd=ROOT, capture_output=True, text=True, timeout=300)
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        return done.returncode, json.loads(lines[-1]) if lines else {}, (done.stderr + done.stdout).strip()

    # ------------------------------------------------ looking
    @property
    def store(self) -> Any:
        from channels.models import Connection

        return Connection.objects.get(pk=self.store_id)

    def order(self, external_id: int) -> Any:
        from orders.models import Order

        return Order.objects.filter(connection_id=self.store_id, external_id=str(external_id)).first()

    def listed(self, product_id: int) -> Any:
        from catalogue.models import ListingVariant

        return ListingVariant.objects.select_related("variant").get(
            connection_id=self.store_id, listing__external_id=str(product_id)
        )

    def stock_item(self) -> Any:
        from inventory.models import StockItem

        return StockItem.objects.select_related("variant", "warehouse").get(
            variant=self.listed(self.product).variant
        )

    def buy(self) -> int:
        return int(self.shop.place_order(self.product)["order_id"])


def connect_arguments(lab: Lab, key: str, name: str = "Lab shop", url: str = "") -> list[str]:
    return [
        "connect_store",
        "opencart",
        "--name",
        name,
        "--domain-url",
        url or lab.url,
        "--secret-key",
        key,
        "--json",
    ]


# ------------------------------------------------------------------------------------ the steps


@step
def not_installed(lab: Lab) -> Any:
    """Connect before the extension is installed: one clear sentence, nothing stored."""
    from channels.models import Connection

    lab.shop.login()
    lab.shop.remove()
    code, _said, words = lab.command(*connect_arguments(lab, "0" * 64))
    expect(code == 2, f"exit code {code} instead of 2: {words[-300:]}")
    expect("extension is installed" in words, f"the sentence does not name the extension: {words[-300:]}")
    expect(not Connection.objects.exists(), "a store was stored all the same")
    return words.splitlines()[-1][-200:]


@step
def install(lab: Lab) -> Any:
    """Install the zip in the shop's admin."""
    answer = lab.shop.install()
    lab.key = lab.shop.secret_key()
    expect(len(lab.key) >= 48, "the settings page shows no secret key")
    return {"zip": answer["zip"], "line": answer["line"], "key_length": len(lab.key)}


@step
def order_before_connecting(lab: Lab) -> Any:
    """Buy as a guest in the storefront: the first sync must import the order."""
    product_id = int(os.environ.get("LAB_PRODUCT", "40"))
    lab.product = product_id
    lab.notes["before"] = lab.shop.stock(product_id)["quantity"]
    lab.notes["old_order"] = lab.buy()
    expect(
        lab.shop.stock(product_id)["quantity"] == lab.notes["before"] - 1,
        "the shop did not take its unit off",
    )
    return {"order": lab.notes["old_order"], "product": product_id}


@step
def wrong_key(lab: Lab) -> Any:
    from channels.models import Connection

    code, _said, words = lab.command(*connect_arguments(lab, "f" * 64))
    expect(code == 2 and "secret key" in words, f"{code}: {words[-300:]}")
    expect(not Connection.objects.exists(), "a store was stored all the same")
    return words.splitlines()[-1][-200:]


@step
def unreachable(lab: Lab) -> Any:
    code, _said, words = lab.command(*connect_arguments(lab, lab.key, url=f"http://127.0.0.1:{free_port()}"))
    expect(code == 2 and "No server answers" in words, f"{code}: {words[-300:]}")
    return words.splitlines()[-1][-200:]


@step
def connect_and_first_sync(lab: Lab) -> Any:
    """Connect with the right key: first sync, opening stock as in the shop, store read-only."""
    from catalogue.models import ListingVariant
    from channels.models import Connection
    from oms.kit.models import Problem

    code, said, words = lab.command(*connect_arguments(lab, lab.key))
    expect(code in (0, 1), f"{code}: {words[-500:]}")
    lab.store_id = Connection.objects.get().pk
    expect(lab.store.is_read_only, "a new store must not send anything")
    order = lab.order(lab.notes["old_order"])
    expect(order is not None, "the order placed before connecting was not imported")
    item = lab.stock_item()
    expect(
        item.available == lab.notes["before"] - 1,
        f"available {item.available}, the shop had {lab.notes['before']}",
    )
    return {
        "account": lab.store.account,
        "message": said.get("message"),
        "listed": ListingVariant.objects.count(),
        "by_model": ListingVariant.objects.exclude(external_sku="").count(),
        "problems": sorted(set(Problem.objects.open().values_list("code", flat=True))),
        "status": order.status,
    }


@step
def same_shop_twice(lab: Lab) -> Any:
    from channels.models import Connection

    code, _said, words = lab.command(*connect_arguments(lab, lab.key, name="Again"))
    expect(code == 2 and "Lab shop" in words, f"{code}: {words[-300:]}")
    expect(Connection.objects.count() == 1, "there are two stores now")
    return words.splitlines()[-1][-200:]


@step
def switch_on(lab: Lab) -> Any:
    """Change stock while the store is read-only: it is sent when the store goes live, not before."""
    from channels.models import OutboxMessage
    from channels.stores import services
    from inventory.services import adjust
    from oms.kit.authors.actors import SYSTEM

    item = lab.stock_item()
    shown, wanted = lab.shop.stock(lab.product)["quantity"], item.available + 3
    adjust.adjust(variant=item.variant, warehouse=item.warehouse, delta=3, reason="Lab: counted", by=SYSTEM)
    ours = OutboxMessage.objects.filter(connection_id=lab.store_id)
    first = ours.waiting().count()
    expect(first, "nothing waits to be sent, so the first push would show nothing")
    time.sleep(3)
    now = lab.shop.stock(lab.product)["quantity"]
    expect(now == shown, f"the shop shows {now} instead of {shown}, though the store is read-only")
    services.switch_on(connection=lab.store)
    _, took = wait_for(
        lambda: lab.shop.stock(lab.product)["quantity"] == wanted, f"the shop does not show {wanted}"
    )
    wait_for(lambda: not ours.waiting().exists(), "the first push did not end", seconds=120)
    parked = [f"{row.topic}: {row.last_error}" for row in ours.parked()[:5]]
    expect(not parked, f"refused: {parked}")
    return {"messages": first, "quantity": wanted, "seconds": took}


@step
def order_by_webhook(lab: Lab) -> Any:
    """Import a storefront order within ten seconds; its unit is allocated."""
    allocated = lab.stock_item().allocated
    begun = time.monotonic()
    lab.order_id = lab.buy()
    placed = time.monotonic() - begun
    order, took = wait_for(lambda: lab.order(lab.order_id), "the order did not come by webhook")
    expect(lab.stock_item().allocated == allocated + 1, "the unit is not allocated")
    return {
        "order": lab.order_id,
        "status": order.status,
        "seconds_after_checkout": took,
        "checkout": round(placed, 2),
    }


@step
def order_by_poll(lab: Lab) -> Any:
    """Import an order by polling, while its webhook is refused."""
    from channels.models import SyncStream
    from channels.pull import runner
    from channels.stores import services, webhooks

    address = f"http://127.0.0.1:{lab.port}/hooks/opencart/{lab.store_id}/"
    runner.adapter_of(lab.store).register_webhooks(address, "0" * 64)  # a secret that Manifold refuses
    number = lab.buy()
    time.sleep(3)
    expect(lab.order(number) is None, "it came by a webhook that was signed with another secret")
    SyncStream.objects.filter(connection_id=lab.store_id, name="orders.new").update(due_at=datetime.now(UTC))
    services.refresh_now(connection=lab.store, stream="orders.new")
    order, took = wait_for(lambda: lab.order(number), "the poll did not bring the order", seconds=30)
    expect(webhooks.register_webhooks(connection=lab.store), "the webhook could not be registered again")
    return {"order": number, "status": order.status, "seconds": took}


@step
def stock_to_the_shop(lab: Lab) -> Any:
    from inventory.services import adjust
    from oms.kit.authors.actors import SYSTEM

    item = lab.stock_item()
    wanted = item.available + 17
    adjust.adjust(variant=item.variant, warehouse=item.warehouse, delta=17, reason="Lab: receipt", by=SYSTEM)
    _, took = wait_for(
        lambda: lab.shop.stock(lab.product)["quantity"] == wanted, f"the shop does not show {wanted}"
    )
    return {"quantity": wanted, "seconds": took}


@step
def release_pack_ready(lab: Lab) -> Any:
    """Release, pack, ready to ship: the tracking number is in the shop's order history."""
    from oms.kit.authors.actors import SYSTEM
    from orders.services import carriers, packing

    order = lab.order(lab.order_id)
    carrier = carriers.save_carrier(name="Royal Mail 48", by=SYSTEM)
    for verb in (packing.release, packing.pack):
        outcome = verb([order.pk], by=SYSTEM)[0]
        expect(outcome.ok, outcome.message)
    outcome = packing.mark_ready_to_ship(
        [order.pk], tracking={order.pk: (carrier.pk, "AB123456785GB")}, by=SYSTEM
    )[0]
    expect(outcome.ok, outcome.message)
    rows, took = wait_for(
        lambda: [row for row in lab.shop.history(lab.order_id) if "AB123456785GB" in row[1]],
        "no tracking in the shop",
    )
    return {"shop_history": rows[-1], "shop_status": lab.shop.status(lab.order_id), "seconds": took}


@step
def manifest(lab: Lab) -> Any:
    """Create the manifest: the order is Shipped in the shop's admin."""
    from oms.kit.authors.actors import SYSTEM
    from orders.models import Shipment
    from orders.services.handing_over import manifests

    shipment = Shipment.objects.select_related("carrier", "warehouse").get(order=lab.order(lab.order_id))
    carrier, warehouse = shipment.carrier, shipment.warehouse
    if carrier is None or warehouse is None:
        raise Failed("the shipment has no carrier or no warehouse")
    made = manifests.create_manifest(carrier=carrier, warehouse=warehouse, by=SYSTEM)
    if made.manifest is None:
        raise Failed(str([outcome.message for outcome in made.outcomes]))
    status, took = wait_for(
        lambda: (now := lab.shop.status(lab.order_id))["status_id"] == 3 and now,
        "the shop does not say Shipped",
    )
    expect(
        lab.order(lab.order_id).status == "in_transit", f"in Manifold it is {lab.order(lab.order_id).status}"
    )
    return {"manifest": made.manifest.number, "shop": status, "seconds": took}


@step
def cancelled_in_the_shop(lab: Lab) -> Any:
    """Cancel an order in the shop's admin: it is cancelled in Manifold, its unit is available, the shop's stock is right."""
    number = lab.buy()
    wait_for(lambda: lab.order(number), "the order did not come")
    allocated = lab.stock_item().allocated
    lab.shop.set_status(number, 7)
    _, took = wait_for(lambda: lab.order(number).status == "cancelled", "the cancellation did not come")
    item = lab.stock_item()
    expect(item.allocated == allocated - 1, "its unit is still allocated")
    wait_for(
        lambda: lab.shop.stock(lab.product)["quantity"] == item.available,
        "the shop's figure is wrong",
        seconds=20,
    )
    return {"order": number, "seconds": took, "available": item.available}


@step
def reopened_in_the_shop(lab: Lab) -> Any:
    """Cancel an order in the shop and set it back: it is live in Manifold again, with its unit."""
    number = lab.buy()
    wait_for(lambda: lab.order(number), "the order did not come")
    allocated = lab.stock_item().allocated
    lab.shop.set_status(number, 7)
    wait_for(lambda: lab.order(number).status == "cancelled", "the cancellation did not come")
    lab.shop.set_status(number, 2)
    _, took = wait_for(lambda: lab.order(number).status == "new", "the order was not reopened")
    expect(lab.stock_item().allocated == allocated, "its unit is not allocated again")
    lab.notes["live_order"] = number
    return {"order": number, "seconds": took}


@step
def edited_in_the_admin(lab: Lab) -> Any:
    """Change a quantity in the shop's admin: one line with the new quantity, never cancelled, no twin (4.1)."""
    number = lab.notes["live_order"]
    try:
        lab.shop.edit_order(number, {lab.product: 2})
    except Exception as error:
        if "another way" in str(error):
            raise Skipped(str(error)) from None
        raise
    order, took = wait_for(
        lambda: (found := lab.order(number)).lines.filter(quantity=2).exists() and found,
        "the new quantity did not come",
    )
    events = list(order.events.values_list("kind", "text"))
    expect(order.lines.count() == 1, f"{order.lines.count()} lines instead of 1")
    expect([kind for kind, _text in events].count("cancel") == 1, "the voided moment was imported")
    return {
        "order": number,
        "seconds": took,
        "events": [text for kind, text in events if kind == "lines"],
        "status": order.status,
    }


def sql(text: str) -> str:
    """Run SQL in the shop's database by LAB_SQL (`mariadb -N shop`); the prefix of its tables is `oc_`."""
    command = shlex.split(os.environ.get("LAB_SQL", ""))
    if not command:
        raise Skipped("LAB_SQL is not set")
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def poll(lab: Lab) -> None:
    from channels.stores import services

    for name in ("orders.new", "orders.changed"):
        services.refresh_now(connection=lab.store, stream=name)


@step
def written_by_sql(lab: Lab) -> Any:
    """A status that another add-on writes into the tables is imported by the next poll."""
    number = lab.buy()
    wait_for(lambda: lab.order(number), "the order did not come")
    sql(
        f"UPDATE oc_order SET order_status_id = 7, date_modified = NOW() - INTERVAL 1 MINUTE WHERE order_id = {number}"
    )
    poll(lab)
    _, took = wait_for(lambda: lab.order(number).status == "cancelled", "it was not imported", seconds=20)
    return {"order": number, "seconds": took}


@step
def second_store(lab: Lab) -> Any:
    """An order of the shop's second store names it."""
    number = lab.notes["live_order"]
    sql(f"UPDATE oc_order SET store_id = 1, store_name = 'Tea Deutschland' WHERE order_id = {number}")
    lab.shop.set_status(number, 2, "moved")
    _, took = wait_for(lambda: lab.order(number).storefront == "Tea Deutschland", "the name did not come")
    sql(f"UPDATE oc_order SET store_id = 0 WHERE order_id = {number}")
    return {"order": number, "seconds": took}


@step
def custom_status(lab: Lab) -> Any:
    """A status that the seller invented is a problem, which ends when the order has a known status again."""
    from oms.kit.models import Problem

    number = lab.notes["live_order"]
    name = "Waiting for pick-up"
    sql(f"INSERT INTO oc_order_status (language_id, name) SELECT language_id, '{name}' FROM oc_language")
    status_id = int(sql(f"SELECT MAX(order_status_id) FROM oc_order_status WHERE name = '{name}'"))
    order = lab.order(number)
    found = Problem.objects.filter(subject_kind="order", subject_id=order.pk, resolved_at=None)
    lab.shop.set_status(number, status_id)
    wait_for(lambda: found.filter(code="unknown_status").exists(), "the unknown status is no problem")
    lab.shop.set_status(number, 2)
    _, took = wait_for(lambda: not found.exists(), "the problem did not end")
    sql(f"DELETE FROM oc_order_status WHERE order_status_id = {status_id}")
    return {"order": number, "status_id": status_id, "seconds": took}


@step
def digital_product(lab: Lab) -> Any:
    """A product that is counted and not shipped keeps its unit: the shop has sold it."""
    number = lab.buy()
    order, _took = wait_for(lambda: lab.order(number), "the order did not come")
    sql(f"UPDATE oc_product SET shipping = 0 WHERE product_id = {lab.product}")
    try:
        lab.shop.set_status(number, 2)
        wait_for(lambda: lab.order(number).remote_status_id == "2", "the change did not come")
        line = order.lines.get()
        expect(line.allocated == 1, f"{line.allocated} units are allocated instead of 1")
        return {"order": number, "status": lab.order(number).status, "allocated": line.allocated}
    finally:
        sql(f"UPDATE oc_product SET shipping = 1 WHERE product_id = {lab.product}")


@step
def quantity_changed_by_hand(lab: Lab) -> Any:
    """A quantity changed in the shop is seen by Sync Products; what Manifold offers is not lost."""
    shown = lab.shop.stock(lab.product)["quantity"]
    sql(f"UPDATE oc_product SET quantity = quantity + 5 WHERE product_id = {lab.product}")
    code, _said, words = lab.command("sync_products", "--store", lab.store.name, "--json")
    expect(code in (0, 1), f"{code}: {words[-300:]}")
    listed = lab.listed(lab.product)
    expect(
        listed.remote_quantity == shown + 5, f"imported {listed.remote_quantity}, the shop had {shown + 5}"
    )
    from inventory.models import StockDifference
    from inventory.services import stock_differences

    poll(lab)
    differences = StockDifference.objects.filter(listing_variant=listed, decided_at=None)
    wait_for(
        lambda: stock_differences.find_differences(lab.store) >= 0 and differences.exists(),
        "the difference is not shown",
        seconds=30,
    )
    return {"imported": listed.remote_quantity, "sent": listed.sent_quantity, "differs": listed.differs}


@step
def product_deleted_and_made_again(lab: Lab) -> Any:
    """Delete a product and make it again with the same model: an order for the new one finds the same SKU."""
    from channels.pull import runner

    client: Any = runner.adapter_of(lab.store).client
    body = {"name": "Lab tin", "model": "LAB-TIN", "price": "7.00", "quantity": 4}
    first = client.post("product_create", {"ref": "lab-tin-1", **body}, repeatable=False).data["product_id"]
    code, _said, words = lab.command("sync_products", "--store", lab.store.name, "--json")
    expect(code in (0, 1), f"{code}: {words[-300:]}")
    variant = lab.listed(first).variant
    client.post("product_delete", {"product_id": first}, repeatable=False)
    second = client.post("product_create", {"ref": "lab-tin-2", **body}, repeatable=False).data["product_id"]
    number = int(lab.shop.place_order(second)["order_id"])
    order, took = wait_for(lambda: lab.order(number), "the order did not come")
    client.post("product_delete", {"product_id": second}, repeatable=False)
    line = order.lines.get()
    expect(line.variant_id == variant.pk, f"the line has the SKU {line.sku!r} and the variant {line.variant}")
    return {"first": first, "second": second, "order": number, "seconds": took}


@step
def deleted_in_the_shop(lab: Lab) -> Any:
    """Delete an order in the shop's admin: it is cancelled in Manifold, its unit is free; one that is packed is blocked."""
    from oms.kit.authors.actors import SYSTEM
    from oms.kit.models import Problem
    from orders.models import Carrier
    from orders.services import packing

    number, packed = lab.buy(), lab.buy()
    for each in (number, packed):
        wait_for(lambda each=each: lab.order(each), "the order did not come")
    late = lab.order(packed)
    packing.release([late.pk], by=SYSTEM)
    late.shipments.update(carrier=Carrier.objects.first())
    outcome = packing.pack([late.pk], by=SYSTEM)[0]
    expect(outcome.ok, outcome.message)
    allocated = lab.stock_item().allocated
    lab.shop.delete_order(number)
    _, took = wait_for(lambda: lab.order(number).status == "cancelled", "the deleted order is not cancelled")
    expect(lab.stock_item().allocated == allocated - 1, "its unit is still allocated")
    lab.shop.delete_order(packed)
    problems = Problem.objects.filter(subject_kind="order", subject_id=late.pk, resolved_at=None)
    wait_for(lambda: problems.filter(code="deleted_there").exists(), "the packed order has no problem")
    expect(lab.order(packed).status == "packed", "the packed order was changed")
    return {"order": number, "seconds": took, "packed": packed}


@step
def product_made_repriced_deleted(lab: Lab) -> Any:
    from catalogue.models import Listing, Product
    from catalogue.services import listings, products, selling_prices
    from inventory.services import adjust, warehouse_mapping
    from oms.kit.authors.actors import SYSTEM

    product = products.create_product(
        title="Lab mug “Tea & Co” <blue>", description="<p>Made by the lab.</p>",
        variants=[products.NewVariant("LAB-MUG", price="12.50", currency=lab.store.currency)],
    )  # fmt: skip
    variant = product.variants.get()
    warehouse = warehouse_mapping.ensure_default_mapping(lab.store).warehouse
    adjust.receive(variant=variant, warehouse=warehouse, quantity=9, reason="Lab", by=SYSTEM)
    listing = listings.list_on_store(product, lab.store)
    made, took_made = wait_for(
        lambda: (row := Listing.objects.get(pk=listing.pk)).external_id and row,
        "the product was not created",
        seconds=20,
    )
    number = int(made.external_id)
    expect(lab.shop.stock(number)["quantity"] == 9, f"the shop shows {lab.shop.stock(number)}")
    item = lab.listed(number)
    selling_prices.set_price(item, price="14.00", selling_price="11.00")
    _, took_price = wait_for(
        lambda: Decimal(lab.shop.product_form(number)["price"]) == Decimal("14.00"),
        "the price did not arrive",
    )
    listings.delete_listing(made)
    _, took_deleted = wait_for(
        lambda: Listing.objects.get(pk=listing.pk).state == Listing.State.REMOVED,
        "it was not deleted",
        seconds=20,
    )
    expect(Product.objects.filter(pk=product.pk).exists(), "the product was deleted in Manifold")
    return {"product_id": number, "made": took_made, "priced": took_price, "deleted": took_deleted}


@step
def maintenance(lab: Lab) -> Any:
    """Close the shop for maintenance: changes wait without an alarm, and are sent when it opens."""
    from inventory.services import adjust
    from oms.kit.authors.actors import SYSTEM

    lab.shop.maintenance(True)
    try:
        item = lab.stock_item()
        wanted = item.available + 5
        adjust.adjust(
            variant=item.variant, warehouse=item.warehouse, delta=5, reason="Lab: closed", by=SYSTEM
        )
        _, took = wait_for(
            lambda: "maintenance" in lab.store.failure, "the store does not say why it waits", seconds=20
        )
        expect(lab.store.state == "active", f"the store is {lab.store.state}")
        said = lab.store.failure
    finally:
        lab.shop.maintenance(False)
    from channels.models import OutboxMessage
    from channels.stores import services

    waiting = OutboxMessage.objects.filter(connection_id=lab.store_id).waiting()
    expect(waiting.exists(), "nothing waits, but nothing was sent either")
    services.retry(messages=list(waiting.values_list("pk", flat=True)))
    _, back = wait_for(
        lambda: lab.shop.stock(lab.product)["quantity"] == wanted, "it did not go on", seconds=30
    )
    return {"said": said, "noticed": took, "after_opening": back}


@step
def another_time_zone(lab: Lab) -> Any:
    """Set the shop to New York time: the order's time is still right."""
    lab.shop.timezone("America/New_York")
    try:
        number = lab.buy()
        order, _ = wait_for(lambda: lab.order(number), "the order did not come", seconds=20)
        off = abs(order.placed_at - datetime.now(UTC))
        expect(off < timedelta(minutes=2), f"placed_at is {order.placed_at}, {off} off")
        return {
            "order": number,
            "placed_at": order.placed_at.isoformat(),
            "seconds_off": round(off.total_seconds()),
        }
    finally:
        lab.shop.timezone("UTC")


@step
def invariants(lab: Lab) -> Any:
    """Run the doctor: all checks of the data pass."""
    _code, said, words = lab.command("doctor", "--json")
    bad = [row for row in said.get("checks", []) if not row["ok"] and row["name"] != "records_refused"]
    expect(said and not bad, str(bad or words[-300:]))
    return {"checks": len(said["checks"])}


# ------------------------------------------------------------------------------------ pictures


def pictures(lab: Lab, folder: Path) -> None:
    """Save pictures of Manifold's pages of the order and the store, and of the shop's page of the order."""
    from django.contrib.auth import get_user_model
    from playwright.sync_api import sync_playwright

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    get_user_model().objects.create_superuser("lab", password="lab-of-manifold")
    folder.mkdir(parents=True, exist_ok=True)
    name = lab.folder.name
    order = lab.order(lab.order_id)
    with sync_playwright() as tool:
        browser = tool.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        base = f"http://127.0.0.1:{lab.port}"
        page.goto(f"{base}/admin/login/?next=/admin/")
        page.fill('input[name="username"]', "lab")
        page.fill('input[name="password"]', "lab-of-manifold")
        page.click('#login-form button[type="submit"]')
        page.wait_for_url("**/admin/")
        page.goto(f"{base}/admin/orders/order/{order.pk}/")
        page.screenshot(path=str(folder / f"{name}-order-manifold.png"), full_page=True)
        page.goto(f"{lab.shop.admin_url}/index.php")
        page.fill('input[name="username"]', lab.shop.user)
        page.fill('input[name="password"]', lab.shop.password)
        page.click('button[type="submit"]')
        page.wait_for_load_state("networkidle")
        token = re.search(r"user_token=(\w+)", page.url)
        if token:
            route = "sale/order.info" if lab.shop.line == 4 else "sale/order/info"
            page.goto(
                f"{lab.shop.admin_url}/index.php?route={route}&user_token={token[1]}&order_id={lab.order_id}"
            )
            page.wait_for_load_state("networkidle")
            page.screenshot(path=str(folder / f"{name}-order-in-the-shop.png"), full_page=True)
        browser.close()


def main(arguments: list[str]) -> int:
    url = (arguments or [os.environ.get("SHOP", "")])[0]
    if not url:
        sys.stderr.write("Name the shop: make opencart-lab SHOP=http://127.0.0.1:8080\n")
        return 2
    subprocess.run([sys.executable, str(HERE / "build.py")], check=True, stdout=subprocess.DEVNULL)
    lab = Lab(url)
    failed = 0
    with lab.manifold(), (lab.folder / "steps.jsonl").open("w", encoding="utf-8") as results:
        for function in STEPS:
            begun = time.monotonic()
            outcome: dict[str, Any] = {"step": function.__name__, "ok": True}
            try:
                outcome["seen"] = function(lab)
            except Skipped as reason:
                outcome["skipped"] = str(reason)
            except Exception as error:  # noqa: BLE001 (a failed step is a result; the next one still runs)
                failed += 1
                outcome |= {"ok": False, "error": f"{type(error).__name__}: {error}"}
                (lab.folder / f"{function.__name__}.txt").write_text(traceback.format_exc(), encoding="utf-8")
            outcome["took"] = round(time.monotonic() - begun, 2)
            line = json.dumps(outcome, ensure_ascii=False, default=str)
            results.write(line + "\n")
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        if folder := os.environ.get("LAB_SCREENSHOTS"):
            pictures(lab, Path(folder))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
