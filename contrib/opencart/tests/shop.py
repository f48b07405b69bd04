#!/usr/bin/env python3
# long because: one shop, driven in three versions; its browser and storefront have files of their own.
"""Drive a running OpenCart shop (3.0.x, 4.0.2.x, 4.1.x) through its own admin and storefront over HTTP, as people would.

Module and command line, standard library only:

    SHOP=http://127.0.0.1:8141 SHOP_ADMIN_USER=admin SHOP_ADMIN_PASSWORD=... python3 shop.py install
    python3 shop.py key | order | status ORDER STATUS | history ORDER | delete ORDER | stock PRODUCT | maintenance on|off | timezone Europe/Berlin

Every command prints one JSON object. SHOP_ADMIN_PATH names a renamed admin folder (default admin).
"""

from __future__ import annotations

import html
import json
import os
import re
import sys
import urllib.parse
import uuid
from pathlib import Path
from typing import Any

from browser import Browser, Form, ShopError, multipart
from storefront import ADDRESS, Storefront

__all__ = ["ADDRESS", "Shop", "ShopError"]

HERE = Path(__file__).resolve().parent
DIST = HERE.parent / "dist"


class Shop(Storefront):
    """One shop. `line` is 3 or 4; `dot` joins controller and method in a route of that line."""

    def __init__(self, url: str, user: str = "admin", password: str = "", admin_path: str = "admin") -> None:
        self.url, self.user, self.password = url.rstrip("/"), user, password
        self.admin_url = f"{self.url}/{admin_path.strip('/')}"
        self.admin = Browser(self.admin_url)
        self.token = ""
        self.line = 0

    @classmethod
    def from_env(cls) -> Shop:
        return cls(
            os.environ["SHOP"],
            os.environ.get("SHOP_ADMIN_USER", "admin"),
            os.environ.get("SHOP_ADMIN_PASSWORD", ""),
            os.environ.get("SHOP_ADMIN_PATH", "admin"),
        )

    @property
    def module_route(self) -> str:
        self.login()
        return (
            "extension/oms_connect/module/oms_connect" if self.line == 4 else "extension/module/oms_connect"
        )

    # --- admin -------------------------------------------------------------------------------------------

    def login(self) -> None:
        """Sign in; finds out which line of OpenCart this is."""
        if self.token:
            return
        _, page, _ = self.admin.open("index.php?route=common/login")
        found = re.search(r"login_token=([0-9A-Za-z]+)", html.unescape(page))
        form = {"username": self.user, "password": self.password}
        if found:
            self.line = 4
            answer = self.admin.json(f"index.php?route=common/login.login&login_token={found[1]}", form)
            target = str(answer.get("redirect", ""))
        elif "common/login" in page:
            self.line = 3
            _, _, target = self.admin.open("index.php?route=common/login", form)
        else:
            raise ShopError(f"{self.admin_url} shows no OpenCart sign-in page")
        token = re.search(r"user_token=([0-9A-Za-z]+)", html.unescape(target))
        if not token:
            raise ShopError("the admin refused user name or password")
        self.token = token[1]

    def _route(self, route: str, **params: Any) -> str:
        self.login()
        return "index.php?" + urllib.parse.urlencode({"route": route, "user_token": self.token, **params})

    def page(self, route: str, **params: Any) -> str:
        """A page of the admin, signed in; signs in again when the shop forgot us (a changed time zone can end the session)."""
        status, body, _ = self.admin.open(self._route(route, **params))
        if status in {200, 401} and re.search(r'action="[^"]*route=common/login', body):
            self.token = ""
            status, body, _ = self.admin.open(self._route(route, **params))
        if status != 200:
            raise ShopError(f"admin page {route} answered HTTP {status}")
        return body

    def _form(self, page: str, form_id: str) -> list[tuple[str, str]]:
        parser = Form(form_id)
        parser.feed(page)
        if not parser.fields:
            raise ShopError(f"the page has no form {form_id}")
        return parser.fields

    def install(self, archive: Path | None = None) -> dict[str, Any]:
        """Extensions » Installer: upload and install the zip; Extensions » Modules: install. Removes an older one first."""
        self.login()
        if archive is None:
            archive = DIST / ("oc4/oms_connect.ocmod.zip" if self.line == 4 else "oms_connect-oc3.ocmod.zip")
        self.remove()
        body, headers = multipart("file", archive.name, archive.read_bytes())
        answer = self.admin.json(self._route(f"marketplace/installer{self.dot}upload"), body, headers)
        if self.line == 4:
            if not answer.get("success"):
                raise ShopError(f"upload: {answer}")
            answer = {
                "next": self._route("marketplace/installer.install", extension_install_id=self._install_id())
            }
        steps = []
        while answer.get("next"):
            target = html.unescape(str(answer["next"]))
            answer = self.admin.json(target)
            steps.append(answer.get("text") or answer.get("success") or answer.get("error"))
            if answer.get("error"):
                raise ShopError(f"install: {answer['error']}")
        self._module("install")
        return {"line": self.line, "steps": steps, "zip": archive.name}

    def _module(self, action: str) -> None:
        if self.line == 4:
            answer = self.admin.json(
                self._route(f"extension/module.{action}", extension="oms_connect", code="oms_connect")
            )
            if not answer.get("success"):
                raise ShopError(f"module {action}: {answer}")
        else:
            self.page(f"extension/extension/module/{action}", extension="oms_connect")

    def _install_id(self) -> int:
        if self.line == 4:
            page = html.unescape(self.page("marketplace/installer.list", limit=100))
            for block in re.split(r"(?=<tr)", page):
                if "OMS Connect" in block:
                    found = re.search(r"extension_install_id=(\d+)", block)
                    if found:
                        return int(found[1])
            return 0
        page = html.unescape(self.page("marketplace/installer/history"))
        for block in re.split(r"(?=<tr)", page):
            if "oms_connect" in block:
                found = re.search(r"""value="(\d+)"|extension_install_id=(\d+)""", block)
                if found:
                    return int(found[1] or found[2])
        return 0

    def remove(self) -> bool:
        """Uninstall and delete, as the README says for an upgrade. True when there was something to remove."""
        self.login()
        found = self._install_id()
        if not found:
            return False
        self._module("uninstall")
        if self.line == 4:
            for action in ("uninstall", "delete"):
                answer = self.admin.json(
                    self._route(f"marketplace/installer.{action}", extension_install_id=found)
                )
                if answer.get("error"):
                    raise ShopError(f"{action}: {answer['error']}")
        else:
            answer = self.admin.json(self._route("marketplace/install/uninstall", extension_install_id=found))
            while answer.get("next"):
                answer = self.admin.json(html.unescape(str(answer["next"])))
            if answer.get("error"):
                raise ShopError(f"uninstall: {answer['error']}")
        return True

    def secret_key(self) -> str:
        """The key as the settings page shows it."""
        found = re.search(r'value="([0-9a-f]{48,})" id="input-secret-key"', self.page(self.module_route))
        if not found:
            raise ShopError("the settings page shows no Secret Key")
        return found[1]

    def settings(self, **changes: str) -> str:
        """Save the module's settings page (module_oms_connect_status, allow_ips, request_budget, rotate); gives the page back."""
        fields = dict(self._form(self.page(self.module_route), "form-oms-connect"))
        _, body, _ = self.admin.open(self._route(self.module_route), {**fields, **changes})
        return body

    def shop_settings(self, **changes: str) -> None:
        """Save System » Settings » Edit with these fields changed."""
        route = "setting/setting"
        fields = [
            (name, value)
            for name, value in self._form(self.page(route), "form-setting")
            if name not in changes
        ]
        fields += list(changes.items())
        if self.line == 4:
            answer = self.admin.json(self._route("setting/setting.save"), fields)
            if "success" not in answer:
                raise ShopError(f"settings: {answer}")
        else:
            _, body, _ = self.admin.open(self._route(route), fields)
            found = re.search(
                r'<div class="(?:alert alert-danger[^"]*|text-danger)">(.*?)</div>', body, re.DOTALL
            )
            if found:
                raise ShopError("settings: " + re.sub(r"<[^>]+>", " ", found[1]).strip())

    def maintenance(self, on: bool) -> None:
        self.shop_settings(config_maintenance="1" if on else "0")

    def timezone(self, name: str) -> None:
        self.shop_settings(config_timezone=name)

    def set_status(
        self, order_id: int, status_id: int, comment: str = "", notify: bool = False
    ) -> dict[str, Any]:
        """Add a history entry on the order's page in the admin."""
        self.login()
        form = {
            "order_id": order_id,
            "order_status_id": status_id,
            "comment": comment,
            "notify": "1" if notify else "0",
            "override": "0",
        }
        if self.line == 3:
            return self._set_status_3(order_id, form)
        page = self.page("sale/order.info", order_id=order_id)
        if "sale/order.call" in page and "call=history_add" in page:
            params = {
                "call": "history_add",
                "store_id": 0,
                "language": "en-gb",
                "currency": "USD",
                "order_id": order_id,
            }
            answer = self.admin.json(self._route("sale/order.call", **params), form)
        else:
            answer = self.admin.json(
                self._route("sale/order.call", action="sale/order.addHistory", order_id=order_id), form
            )
        if "success" not in answer:
            raise ShopError(f"status: {answer}")
        return answer

    def _set_status_3(self, order_id: int, form: dict[str, Any]) -> dict[str, Any]:
        return self._api_3("order/history", order_id, form)

    def _api_3(self, call: str, order_id: int, form: dict[str, Any]) -> dict[str, Any]:
        """What the order page of OpenCart 3's admin does: asks the storefront's api with a token of the page."""
        answer: dict[str, Any] = {}
        for attempt in range(2):
            page = self.page("sale/order/info", order_id=order_id)
            found = re.search(r"route=api/order/history&api_token=([^&']+)&store_id=(\d+)", page)
            if not found:
                raise ShopError("the order page of the admin has no api_token")
            path = f"{self.url}/index.php?route=api/{call}&api_token={found[1]}&store_id={found[2]}&order_id={order_id}"
            answer = self.admin.json(path, form)
            if "success" in answer:
                return answer
            if attempt == 0:
                # It wants the browser's address on the list of its API user; the admin offers a button for it.
                self._allow_api_ip()
        raise ShopError(f"{call}: {answer}")

    def edit_order(self, order_id: int, quantities: dict[int, int] | None = None) -> dict[str, Any]:
        """Edit an order on its page in the admin of 4.1 (product id -> new quantity) and save it.

        OpenCart voids the order, writes all its lines again with new ids, and sets its status again.
        """
        page = self.page("sale/order.info", order_id=order_id)
        if "call=confirm" not in page:
            raise ShopError("this version edits orders in another way")
        fields: list[tuple[str, str]] = [("order_id", str(order_id))]
        for form in ("customer", "cart", "shipping-address", "shipping-method", "payment-address",
                     "payment-method", "affiliate", "comment"):  # fmt: skip
            parser = Form(f"form-{form}")
            parser.feed(page)
            fields += parser.fields
        products = {
            name.removesuffix("[product_id]"): int(value)
            for name, value in fields
            if name.endswith("[product_id]")
        }
        wanted = {
            f"{row}[quantity]": str((quantities or {})[pk])
            for row, pk in products.items()
            if pk in (quantities or {})
        }
        fields = [(name, wanted.get(name, value)) for name, value in fields]
        params = {"call": "confirm", "store_id": 0, "language": "en-gb", "currency": "USD"}
        answer = self.admin.json(self._route("sale/order.call", **params), fields)
        if "success" not in answer:
            raise ShopError(f"edit: {answer}")
        return answer

    def delete_order(self, order_id: int) -> None:
        """Delete an order as the admin's list does."""
        self.login()
        if self.line == 3:
            self._api_3("order/delete", order_id, {})
            return
        if "action=sale/order.delete" in self.page("sale/order"):
            answer = self.admin.json(
                self._route("sale/order.call", action="sale/order.delete"), {"selected[]": order_id}
            )
        else:
            answer = self.admin.json(self._route("sale/order.delete"), {"selected[]": order_id})
        if "success" not in answer:
            raise ShopError(f"delete: {answer}")

    def _allow_api_ip(self) -> None:
        page = self.page("user/api")
        found = re.search(r"api_id=(\d+)", html.unescape(page))
        if not found:
            raise ShopError("this shop has no API user")
        fields = self._form(self.page("user/api/edit", api_id=found[1]), "form-api")
        self.admin.open(
            self._route("user/api/edit", api_id=found[1]),
            [*fields, ("api_ip[]", "127.0.0.1"), ("status", "1")],
        )

    def history(self, order_id: int) -> list[list[str]]:
        """Rows of the history table on the order's page: date, comment, status, notified."""
        page = self.page(f"sale/order{self.dot}history", order_id=order_id)
        rows = []
        for row in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL):
            cells = re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)
            if len(cells) >= 4:
                rows.append([html.unescape(re.sub(r"<[^>]+>", " ", cell)).strip() for cell in cells])
        return [row for row in rows if row[0].lower() != "date added"]

    def status(self, order_id: int) -> dict[str, Any]:
        """The order's status as its page in the admin shows it: id and name."""
        page = self.page("sale/order.info" if self.line == 4 else "sale/order/info", order_id=order_id)
        found = re.search(r'<select name="order_status_id".*?</select>', page, re.DOTALL)
        chosen = re.search(
            r'<option value="(\d+)"\s+selected(?:="selected")?>([^<]*)<', found[0] if found else ""
        )
        if not chosen:
            raise ShopError(f"the admin shows no status for order {order_id}")
        return {"order_id": order_id, "status_id": int(chosen[1]), "status": html.unescape(chosen[2]).strip()}

    def product_form(self, product_id: int) -> dict[str, str]:
        """Fields of the product's page in the admin, as they stand."""
        route = "catalog/product.form" if self.line == 4 else "catalog/product/edit"
        self.login()
        return dict(self._form(self.page(route, product_id=product_id), "form-product"))

    def stock(self, product_id: int) -> dict[str, Any]:
        """Quantity of the product and of its option values (by product_option_value_id), read in the admin."""
        self.login()
        fields = self.product_form(product_id)
        values = {}
        for name, value in fields.items():
            found = re.fullmatch(r"(product_option\[\d+\]\[product_option_value\]\[\d+\])\[quantity\]", name)
            if found:
                values[fields[found[1] + "[product_option_value_id]"]] = int(value)
        return {"product_id": product_id, "quantity": int(fields["quantity"]), "values": values}

    def add_variant(self, master_id: int, choice: dict[int, int], **fields: str) -> int:
        """Make a variant on the master's page in the admin (4.x). choice: product_option_id to product_option_value_id."""
        self.login()
        if self.line != 4:
            raise ShopError("OpenCart 3 has no variants")
        form = dict(self._form(self.page("catalog/product.form", master_id=master_id), "form-product"))
        form |= fields | {f"override[{name}]": "1" for name in fields}
        for option, value in choice.items():
            form |= {f"variant[{option}]": str(value), f"override[variant][{option}]": "1"}
        for name in [name for name in form if "[keyword]" in name or name.startswith("product_seo_url")]:
            form[name] = f"variant-{uuid.uuid4().hex[:12]}"
        answer = self.admin.json(self._route("catalog/product.save"), form)
        if not answer.get("success"):
            raise ShopError(f"variant: {answer}")
        return int(answer["product_id"])

    def save_product(self, product_id: int) -> None:
        """Open the product's page in the admin and save it as it stands."""
        self.login()
        route = "catalog/product.form" if self.line == 4 else "catalog/product/edit"
        fields = self._form(self.page(route, product_id=product_id), "form-product")
        if self.line == 4:
            answer = self.admin.json(self._route("catalog/product.save"), fields)
            if not answer.get("success"):
                raise ShopError(f"product: {answer}")
        else:
            self.admin.open(self._route(route, product_id=product_id), fields)

    # --- orders bought here

    def place_order(
        self, product_id: int, quantity: int = 1, options: dict[int, int | str] | None = None
    ) -> dict[str, Any]:
        """Buy as a guest and read the order's number in the admin."""
        self.login()
        answer = self.buy(product_id, quantity, options)
        return {"order_id": self.last_order(), "answer": answer}

    def last_order(self) -> int:
        page = self.page("sale/order.list" if self.line == 4 else "sale/order")
        numbers = [int(number) for number in re.findall(r'name="selected\[\]" value="(\d+)"', page)]
        if not numbers:
            raise ShopError("the admin lists no order")
        return max(numbers)


def main(arguments: list[str]) -> int:
    if not os.environ.get("SHOP") or not arguments:
        print(__doc__)
        return 2
    shop = Shop.from_env()
    command, rest = arguments[0], arguments[1:]
    result: Any
    try:
        if command == "install":
            result = shop.install(Path(rest[0]) if rest else None)
        elif command == "remove":
            result = {"removed": shop.remove()}
        elif command == "key":
            result = {"url": shop.url, "secret_key": shop.secret_key()}
        elif command == "order":
            options = dict(part.split("=", 1) for part in rest[2:])
            chosen: dict[int, int | str] = {int(key): value for key, value in options.items()}
            result = shop.place_order(
                int(rest[0]) if rest else 40, int(rest[1]) if len(rest) > 1 else 1, chosen
            )
        elif command == "status":
            result = shop.set_status(int(rest[0]), int(rest[1]), " ".join(rest[2:]))
        elif command == "history":
            shop.login()
            result = {**shop.status(int(rest[0])), "history": shop.history(int(rest[0]))}
        elif command == "stock":
            result = shop.stock(int(rest[0]))
        elif command == "delete":
            shop.delete_order(int(rest[0]))
            result = {"deleted": int(rest[0])}
        elif command == "maintenance":
            shop.maintenance(rest[0] == "on")
            result = {"maintenance": rest[0] == "on"}
        elif command == "timezone":
            shop.timezone(rest[0])
            result = {"timezone": rest[0]}
        else:
            print(__doc__)
            return 2
    except ShopError as error:
        print(json.dumps({"ok": False, "error": str(error)}))
        return 1
    print(json.dumps({"ok": True, **result}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
