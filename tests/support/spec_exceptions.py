"""What the channels' OpenAPI files are known to say wrongly, or to leave out: each with its reason, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Known:
    """A complaint that is the file's fault, and why.

    `pattern` is looked for in the words of `specs.py`, `prism` in those of `make contract`: regular expressions over
    method, path and complaint. An empty `prism`: it does not complain of this.
    """

    pattern: str
    reason: str
    prism: str = ""


#: What the README beside BigCommerce's files names.
BIGCOMMERCE: Sequence[Known] = (
    Known(
        r"^GET /orders query sort : 'id:asc' is not one of",
        "The narrative docs allow `:asc` and `:desc` behind the field; the file lists the bare names only (item 2).",
        prism=r"^GET /orders request query\.sort: must be equal to one of the allowed values",
    ),
    Known(
        r"^GET /orders(/\{order_id\}/(products|shipping_addresses))? answer: 204 is not in the spec",
        "Beyond the last row V2 answers 204 without a body; the file has that for shipments alone (item 4).",
        prism=r"^GET /orders(/\{order_id\}/(products|shipping_addresses))? answer 204 : Unable to match the returned status",
    ),
    Known(
        r"^POST /catalog/products/\{product_id\}/images answer 200 data: .*\(oneOf\)$",
        "The two branches of the `oneOf` overlap (item 6).",
        prism=r"^POST /catalog/products/\{product_id\}/images answer 200 body\.data: must match exactly one schema in oneOf$",
    ),
)

#: Where a document says two things at once, so that no request or answer could keep to both: `reason` quotes the other.
SELF_CONTRADICTIONS: Mapping[str, Sequence[Known]] = {
    "bigcommerce": (
        Known(
            r"^GET /inventory/items query product_id:in : '[\d,]+' is not of type 'integer'",
            "inventory.v3.yml, ProductIdFilterParam: “List of `product_id` separated by comma.”; its type is one integer.",
            prism=r"^GET /inventory/items request query\.product_id:in: must be integer",
        ),
        Known(
            r"^(GET|PUT) /orders/\{order_id\} answer 200 consignments: .*\(oneOf\)$",
            "orders.v2.oas2.yml: `consignments` is one of orderConsignments_Resource (a link) and orderConsignment_Get (the rows), "
            "both objects without required members, so that any object is both and none is one.",
            prism=r"^(GET|PUT) /orders/\{order_id\} answer 200 body\.consignments: must match exactly one schema in oneOf$",
        ),
        Known(
            r"^POST /catalog/products body variants/\d+: '(id|product_id)' is a required property",
            "products_catalog.v3.yml, createProduct: “You can create multiple product variants using the `variants` array.”; its "
            "rows are productVariant_Full, which demands the ids that the answer to this very call gives.",
            prism=r"^POST /catalog/products request body\.variants\.\*: must have required property '(id|product_id)'$",
        ),
        Known(
            r"^GET /hooks answer 200 data: \[\] should be non-empty",
            "webhooks.v3.yml, getWebhooks: “Returns a list of all webhooks on a store associated to the `client_id`”; before the "
            "first POST there are none, and `minItems` 1 leaves no answer for that.",
            prism=r"^GET /hooks answer 200 body\.data: must NOT have fewer than 1 items$",
        ),
    ),
}

ETSY: Sequence[Known] = (
    Known(
        r"answer 200 (results/\d+/)?status: '(Open|Paid|Completed|Canceled|Fully Refunded|Partially Refunded)' is not one of",
        "The document has the statuses in small letters; the API answers them capitalised (etsy/open-api issues 469, 806).",
    ),
)

#: What Sendcloud's documents say of themselves in two ways.
SENDCLOUD: Sequence[Known] = (
    Known(
        r"answer 4\d\d : \{'errors': \[.*\(type\)$",
        "The schema `errors` is a list; every example of the same answers has the list under the name `errors`.",
    ),
    Known(
        r"^POST /shipments/announce answer: 409 is not in the spec",
        "The text of `external_reference_id` says that a repeat answers 409; the list of answers leaves it out.",
    ),
)

ROYAL_MAIL: Sequence[Known] = (
    Known(
        r"is not a multiple of 0\.01 \(multipleOf\)$",
        "Amounts have two decimals; a check of decimals with binary numbers finds 19.99 / 0.01 = 1998.9999999999998.",
    ),
)

EXCEPTIONS: Mapping[str, Sequence[Known]] = {
    "bigcommerce": (*BIGCOMMERCE, *SELF_CONTRADICTIONS["bigcommerce"]),
    "etsy": ETSY,
    "carriers/sendcloud": SENDCLOUD,
    "carriers/royal-mail-click-and-drop": ROYAL_MAIL,
}


@dataclass(frozen=True)
class Mend:
    """A mechanical change to the copy of a file that the proxy reads, and why; the file itself is never touched."""

    change: Callable[[Any], None]
    reason: str


def _lists_with_commas(document: Any) -> None:
    for item in document["paths"].values():
        for operation in item.values():
            rows = operation.get("parameters", ()) if isinstance(operation, dict) else ()
            for row in rows:
                if row.get("in") == "query" and (row.get("schema") or {}).get("type") == "array":
                    row |= {"style": "form", "explode": False}


def _lists_in_forms(document: Any) -> None:
    for item in document["paths"].values():
        for operation in item.values():
            body = operation.get("requestBody") or {} if isinstance(operation, dict) else {}
            form = (body.get("content") or {}).get("application/x-www-form-urlencoded") or {}
            for name, schema in (form.get("schema") or {}).get("properties", {}).items():
                if schema.get("type") == "array":
                    form["schema"]["properties"][name] = {"type": "string"}


def _any_receipt_status(document: Any) -> None:
    document["components"]["schemas"]["ShopReceipt"]["properties"]["status"].pop("enum")


#: By the path of the file below OMS_SPECS.
MENDS: Mapping[str, Sequence[Mend]] = {
    "etsy/oas-3.0.0.json": (
        Mend(
            _lists_with_commas,
            "Lists in queries are written with commas (Etsy's pages); the document names no style, so it means repeats.",
        ),
        Mend(
            _lists_in_forms,
            "Lists in forms are written `tags=a,b` (Etsy's pages); a form has no other way to say what the schema means.",
        ),
        Mend(
            _any_receipt_status,
            "Etsy answers a receipt's status capitalised; the document lists the small letters only.",
        ),
    ),
}
