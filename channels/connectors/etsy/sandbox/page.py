"""The sandbox shop's front page: listings with their stock, orders, buttons to buy; and Etsy's consent page."""

from __future__ import annotations

import html
from urllib.parse import urlencode

from channels.connectors.etsy.sandbox.shop import Row, Shop
from channels.sandbox.server import Request, Response
from channels.sandbox.shop_page import SHOWN, drawn, not_found, page, section

#: One pixel: the content of /pictures/, for listings that are created with pictures.
PICTURE = bytes.fromhex("47494638396101000100800000336655ffffff2c00000000010001000002024401003b")
STATUSES = ("Paid", "Completed", "Delivered", "Canceled", "Fully Refunded", "Partially Refunded")


def answer(shop: Shop, request: Request, base_url: str) -> Response:
    """Return the front page, or one of the shop's pictures."""
    if request.path.startswith("/image/"):
        return drawn(request.path, request.path[7:9].upper())
    if request.path.startswith("/pictures/"):
        return Response(200, PICTURE, {"Content-Type": "image/gif"})
    if request.path != "/":
        return not_found()
    name = html.escape(shop.settings["shop_name"])
    body = (
        f"<h1>{name}</h1><p class='note'>A sandbox that behaves like a shop of Etsy, at {html.escape(base_url)}. "
        "The stock and statuses below are those of the sandbox, not of Manifold.</p>"
        '<form method="post" action="/_sandbox/place_order"><button>Place an order</button></form>'
        + section("Orders", "orders", _orders(shop))
        + section("Listings", "products", _products(shop))
    )
    return page(name, body)


def consent(shop: Shop, request: Request, scopes: list[str]) -> Response:
    """Return the page on which the owner allows the application."""
    links = {
        choice: "/oauth/connect?" + urlencode([*request.query, ("answer", choice)])
        for choice in ("allow", "deny")
    }
    body = (
        f"<h1>Allow this application?</h1><p>It wants to use the shop {html.escape(shop.settings['shop_name'])}: "
        f"{html.escape(', '.join(scopes))}.</p><p><a class='b' href='{html.escape(links['allow'])}'>Allow</a> "
        f"<a class='b' href='{html.escape(links['deny'])}'>Deny</a></p>"
    )
    return page("Sign in", body, is_live=False)


def _products(shop: Shop) -> str:
    lines = []
    for listing in list(shop.listings.values())[: SHOWN * 5]:
        for product in listing["inventory"]["products"]:
            offering = product["offerings"][0]
            chosen = ", ".join(value for v in product["property_values"] for value in v["values"])
            title = html.escape(listing["title"] + (f" · {chosen}" if chosen else ""))
            low = " low" if offering["quantity"] < 5 else ""
            sku = html.escape(product["sku"])
            button = (
                f'<form method="post" action="/_sandbox/buy"><button name="sku" value="{sku}">Buy one</button></form>'
                if sku and listing["state"] == "active"
                else ""
            )
            price = offering["price"]["amount"] / offering["price"]["divisor"]
            lines.append(
                f'<tr data-sku="{sku}"><td>{title}</td><td>{sku}</td><td>{listing["state"]}</td>'
                f"<td class='n'>{price:.2f}</td><td class='n stock{low}'>{offering['quantity']}</td><td>{button}</td></tr>"
            )
    head = "<tr><th>Listing</th><th>SKU</th><th>Status</th><th class='n'>Price</th><th class='n'>Stock</th><th></th></tr>"
    return f"<table>{head}{''.join(lines)}</table>"


def _orders(shop: Shop) -> str:
    rows = sorted(shop.receipts.values(), key=lambda row: row["created_timestamp"], reverse=True)[:SHOWN]
    head = (
        "<tr><th>Order</th><th>Buyer</th><th>Lines</th><th class='n'>Total</th><th>Status</th><th></th></tr>"
    )
    return f"<table>{head}{''.join(_order(shop, row) for row in rows)}</table>"


def _order(shop: Shop, row: Row) -> str:
    goods = "<br>".join(f"{line['quantity']} × {html.escape(line['title'])}" for line in row["transactions"])
    parcels = "".join(
        f"<br>{html.escape(s['carrier_name'])} {html.escape(s['tracking_code'])}" for s in row["shipments"]
    )
    status = "Delivered" if row["receipt_id"] in shop.delivered else row["status"]
    options = "".join(f"<option{' selected' if name == status else ''}>{name}</option>" for name in STATUSES)
    total = row["grandtotal"]["amount"] / row["grandtotal"]["divisor"]
    return (
        f'<tr data-order="{row["receipt_id"]}"><td>#{row["receipt_id"]}</td><td>{html.escape(row["name"])}</td>'
        f"<td>{goods}</td><td class='n'>{total:.2f} {row['grandtotal']['currency_code']}</td>"
        f"<td><span class='status'>{status}</span>{parcels}</td>"
        f'<td><form method="post" action="/_sandbox/set_status"><input type="hidden" name="order_id" '
        f'value="{row["receipt_id"]}"><select name="status" aria-label="Status of order {row["receipt_id"]}">{options}'
        "</select> <button>Set</button></form></td></tr>"
    )
