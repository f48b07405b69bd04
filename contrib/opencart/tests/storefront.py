"""A guest who buys in the storefront: cash on delivery, flat shipping. One class for both OpenCart lines."""

from __future__ import annotations

import re
from typing import Any

from browser import Browser, ShopError

ADDRESS = {
    "firstname": "Ann",
    "lastname": "O'Lee & Sons",
    "email": "ann@example.com",
    "telephone": "+44 20 7946 0000",
    "company": "Tea & Co",
    "address_1": "1 High Street",
    "address_2": "Flat 2",
    "city": "London",
    "postcode": "N1 9GU",
    "country_id": "222",
    "zone_id": "3563",
}


class Storefront:
    """`url` and `line` (3 or 4) are set by whoever uses it."""

    url: str
    line: int

    @property
    def dot(self) -> str:
        """Joins controller and method in a route of this line."""
        return "." if self.line == 4 else "/"

    def buy(
        self, product_id: int, quantity: int = 1, options: dict[int, int | str] | None = None
    ) -> dict[str, Any]:
        """Buy; gives the shop's last answer.

        options: product_option_id to product_option_value_id (or text).
        """
        buyer = Browser(self.url)
        item = {
            "product_id": product_id,
            "quantity": quantity,
            **{f"option[{key}]": value for key, value in (options or {}).items()},
        }
        self._expect(buyer.json(f"index.php?route=checkout/cart{self.dot}add", item), "cart")
        return self._checkout_4(buyer) if self.line == 4 else self._checkout_3(buyer)

    def _expect(self, answer: dict[str, Any], step: str) -> dict[str, Any]:
        if answer.get("error") or (
            answer.get("redirect") and step != "confirm" and not answer.get("success")
        ):
            raise ShopError(f"{step}: {answer}")
        return answer

    def _checkout_4(self, buyer: Browser) -> dict[str, Any]:
        buyer.open("index.php?route=checkout/checkout&language=en-gb")
        person = {name: ADDRESS[name] for name in ("firstname", "lastname", "email", "telephone")}
        place = {name: value for name, value in ADDRESS.items() if name not in {"email", "telephone"}}
        form = {"account": 0, "customer_group_id": 1, "address_match": 0, **person}
        form |= {f"shipping_{name}": value for name, value in place.items()} | {
            f"payment_{name}": value for name, value in place.items()
        }
        self._expect(buyer.json("index.php?route=checkout/register.save", form), "register")
        quotes = self._expect(buyer.json("index.php?route=checkout/shipping_method.quote"), "shipping")[
            "shipping_methods"
        ]
        code = next(quote["code"] for method in quotes.values() for quote in method["quote"].values())
        self._expect(
            buyer.json("index.php?route=checkout/shipping_method.save", {"shipping_method": code}),
            "shipping method",
        )
        methods = self._expect(buyer.json("index.php?route=checkout/payment_method.getMethods"), "payment")[
            "payment_methods"
        ]
        if "cod" not in methods:
            raise ShopError(f"the shop offers no cash on delivery: {sorted(methods)}")
        self._expect(
            buyer.json("index.php?route=checkout/payment_method.save", {"payment_method": "cod.cod"}),
            "payment method",
        )
        buyer.json("index.php?route=checkout/payment_method.comment", {"comment": 'Ring <twice> & "wait"'})
        buyer.json("index.php?route=checkout/payment_method.agree", {"agree": 1})
        buyer.open("index.php?route=checkout/confirm.confirm")
        return self._expect(buyer.json("index.php?route=extension/opencart/payment/cod.confirm"), "confirm")

    def _checkout_3(self, buyer: Browser) -> dict[str, Any]:
        buyer.open("index.php?route=checkout/checkout")
        guest = {**ADDRESS, "customer_group_id": 1, "shipping_address": 1, "fax": ""}
        self._expect(buyer.json("index.php?route=checkout/guest/save", guest), "guest")
        _, page, _ = buyer.open("index.php?route=checkout/shipping_method")
        found = re.search(r'name="shipping_method" value="([^"]+)"', page)
        if not found:
            raise ShopError("the shop offers no shipping")
        form = {"shipping_method": found[1], "comment": 'Ring <twice> & "wait"'}
        self._expect({**buyer.json("index.php?route=checkout/shipping_method/save", form)}, "shipping method")
        buyer.open("index.php?route=checkout/payment_method")
        form = {"payment_method": "cod", "comment": 'Ring <twice> & "wait"', "agree": "1"}
        self._expect(buyer.json("index.php?route=checkout/payment_method/save", form), "payment method")
        buyer.open("index.php?route=checkout/confirm")
        return self._expect(buyer.json("index.php?route=extension/payment/cod/confirm"), "confirm")
