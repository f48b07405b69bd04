"""What the channels' OpenAPI files are known to say wrongly, or to leave out: each with its reason, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """A complaint that is the file's fault, and why.

    `pattern` is looked for in the words of `specs.py`, `prism` in those of `make contract`: regular expressions over
    method, path and complaint. An empty `prism`: it does not complain of this.
    """

    pattern: str
    reason: str
    prism: str = ""


BIGCOMMERCE: Sequence[Known] = (
    Known(
        r"^GET /orders query sort : 'id:asc' is not one of",
        "The narrative docs allow `:asc` and `:desc` behind the field; the file lists the bare names only.",
        prism=r"^GET /orders request query\.sort: must be equal to one of the allowed values",
    ),
    Known(
        r"^GET /orders(/\{order_id\}/(products|shipping_addresses))? answer: 204 is not in the spec",
        "Beyond the last row V2 answers 204 without a body; the file has that for shipments alone.",
        prism=r"^GET /orders(/\{order_id\}/(products|shipping_addresses))? answer 204 : Unable to match the returned status",
    ),
    Known(
        r"answer: (401|403|404|429) is not in the spec",
        "Refusals of the gateway hold for every call; the files name them for some calls only.",
        prism=r"answer (401|403|404|429) : Unable to match the returned status",
    ),
    Known(
        r"^GET /inventory/items query (product_id|location_id):in : '[\d,]+' is not of type 'integer'",
        "A list with commas by its name and in the prose; the file declares one number.",
        prism=r"^GET /inventory/items request query\.(product_id|location_id):in: must be integer",
    ),
    Known(
        r"(price|sale_price): None is not of type 'number'",
        "A variant without a price of its own inherits the product's: null, both read and written.",
    ),
    Known(
        r"^(GET|PUT) /orders/\{order_id\} answer 200 consignments: .*\(oneOf\)$",
        "Both branches of the `oneOf` are objects without required members, so a link fits either.",
        prism=r"^(GET|PUT) /orders/\{order_id\} answer 200 body\.consignments: must match exactly one schema in oneOf$",
    ),
    Known(
        r"^POST /catalog/products/\{product_id\}/images answer 200 data: .*\(oneOf\)$",
        "The two branches of the `oneOf` overlap (item 6 of the specs' README).",
        prism=r"^POST /catalog/products/\{product_id\}/images answer 200 body\.data: must match exactly one schema in oneOf$",
    ),
    Known(
        r"^POST /catalog/products body variants/\d+: '(id|product_id)' is a required property",
        "The file reuses the schema of variants that exist; its own example and the prose make them without ids.",
        prism=r"^POST /catalog/products request body\.variants\.\*: must have required property '(id|product_id)'$",
    ),
    Known(
        r"^GET /hooks answer 200 data: \[\] should be non-empty",
        "A store without hooks has an empty list.",
        prism=r"^GET /hooks answer 200 body\.data: must NOT have fewer than 1 items$",
    ),
    Known(
        r"base_variant_id: None is not of type 'integer'",
        "Null for products with options; the prose says so, the file has a number.",
        prism=r"base_variant_id: must be integer$",
    ),
)

EXCEPTIONS: Mapping[str, Sequence[Known]] = {"bigcommerce": BIGCOMMERCE}
