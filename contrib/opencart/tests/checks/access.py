"""Who gets in, and what is refused."""

from __future__ import annotations

import secrets
import time
from typing import Any

from checks.harness import age, call, check, ok, refused, same, state, utc


@check
def ping() -> Any:
    data = ok("ping")
    state["ping"] = data
    wanted = {
        "version", "php", "module_version", "api", "store_id", "store_name", "url", "currency", "language", "language_id", "timezone",
        "weight_unit", "default_customer_group_id", "new_order_status", "processing_statuses", "complete_statuses", "capabilities",
        "transactions", "max_batch", "max_limit", "max_skew", "request_budget", "server_time",
    }  # fmt: skip
    same(wanted, set(data), "fields of ping")
    return {
        name: data[name]
        for name in (
            "version",
            "php",
            "timezone",
            "capabilities",
            "transactions",
            "processing_statuses",
            "complete_statuses",
        )
    }


@check
def wrong_key() -> None:
    refused(401, "bad_signature", None, "ping", key="0" * 64)


@check
def wrong_key_and_wrong_clock() -> None:
    refused(401, "bad_signature", None, "ping", key="0" * 64, at=int(time.time()) - 9999)


@check
def unsigned() -> None:
    refused(401, "bad_signature", None, "ping", signed=False)


@check
def stale_timestamp() -> Any:
    for skew in (-310, 310):
        error = refused(401, "stale_timestamp", None, "ping", at=int(time.time()) + skew)
    same(True, abs(age(error["server_time"])) < 300, "server_time")
    same(200, call("ping", at=int(time.time()) - 280)[0], "280 seconds off")
    return {"server_time": error["server_time"]}


@check
def replayed_write() -> None:
    nonce = secrets.token_hex(16)
    body = {"items": [{"ref": "x", "product_id": 999999999, "quantity": 1}]}
    same(200, call("stock_price", body, nonce=nonce)[0], "first time")
    refused(409, "replayed", None, "stock_price", body, nonce=nonce)


@check
def unknown_calls_and_parameters() -> None:
    refused(404, "unknown_call", None, "nonsense")
    refused(404, "unknown_call", None, "ping", {})
    refused(404, "unknown_call", None, "stock_price")
    refused(400, "bad_param", "updated_since", "orders", updated_since=utc())
    refused(400, "bad_param", "limit", "orders", limit=201)
    refused(400, "bad_param", "after", "orders", after="nonsense")
    refused(400, "bad_param", "modified_since", "orders", modified_since="yesterday")
    refused(400, "bad_param", "language", "order_statuses", language="xx-xx")
    refused(400, "bad_json", None, "product_create", raw=b"{")
    refused(400, "bad_param", "items", "stock_price", {"items": []})
    refused(400, "bad_param", "items", "stock_price", {"items": [{"ref": "a"}] * 101})


@check
def special_characters_in_the_query() -> None:
    same([], ok("products", sku="A b+c/d~e*f&g=h'é漢(1)!%20"), "rows")
