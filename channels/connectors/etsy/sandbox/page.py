"""The shop as a person sees it: listings with their stock, orders, a way to buy; and Etsy's consent page."""

from __future__ import annotations

import html
import zlib
from urllib.parse import urlencode

from channels.connectors.etsy.sandbox.shop import Row, Shop
from channels.sandbox.server import Request, Response

SHOWN = 40
STYLE = """
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:72rem;padding:1rem}
h2{margin-top:2rem}p.note{opacity:.75}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #8884;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}.low{color:#b3261e;font-weight:600}
.status{padding:.1rem .5rem;border-radius:1rem;background:#8883}button,select,a.b{font:inherit;padding:.25rem .7rem}
form{display:inline}.wide{overflow-x:auto}
"""
SCRIPT = """
setInterval(async()=>{if(document.querySelector('select:focus,button:focus'))return;
const t=await (await fetch('/')).text();const d=new DOMParser().parseFromString(t,'text/html');
for(const i of ['products','orders'])document.getElementById(i).innerHTML=d.getElementById(i).innerHTML},2000)
"""
#: One pixel: what lies under /pictures/, for listings that are made with pictures.
PICTURE = bytes.fromhex("47494638396101000100800000336655ffffff2c00000000010001000002024401003b")
STATUSES = ("Paid", "Completed", "Delivered", "Canceled", "Fully Refunded", "Partially Refunded")


def _frame(title: str, body: str, script: str = "") -> Response:
    return Response.html(
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title} (sandbox)</title>'
        f'<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"><style>{STYLE}</style></head>'
        f"<body><main>{body}</main>{script}</body></html>"
    )


def answer(shop: Shop, request: Request, base_url: str) -> Response:
    """The front page, or one of the shop's pictures, drawn on the spot."""
    if request.path.startswith("/image/"):
        hue, letters = zlib.crc32(request.path.encode()) % 360, html.escape(request.path[7:9].upper())
        picture = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect width="40" height="40" '
            f'fill="hsl({hue} 35% 82%)"/><text x="20" y="25" font-family="sans-serif" font-size="13" '
            f'text-anchor="middle" fill="hsl({hue} 45% 22%)">{letters}</text></svg>'
        )
        return Response(200, picture.encode(), {"Content-Type": "image/svg+xml"})
    if request.path.startswith("/pictures/"):
        return Response(200, PICTURE, {"Content-Type": "image/gif"})
    if request.path != "/":
        return Response.html("<!DOCTYPE html><h1>Not found</h1>", 404)
    name = html.escape(shop.settings["shop_name"])
    body = (
        f"<h1>{name}</h1><p class='note'>A sandbox that behaves like a shop of Etsy, at {html.escape(base_url)}. "
        "Stock and statuses below are what the shop itself has.</p>"
        '<form method="post" action="/_sandbox/place_order"><button>Place an order</button></form>'
        f'<h2>Orders</h2><div class="wide" id="orders">{_orders(shop)}</div>'
        f'<h2>Listings</h2><div class="wide" id="products">{_products(shop)}</div>'
    )
    return _frame(name, body, f"<script>{SCRIPT}</script>")


def consent(shop: Shop, request: Request, scopes: list[str]) -> Response:
    """Where the owner allows the application."""
    links = {
        choice: "/oauth/connect?" + urlencode([*request.query, ("answer", choice)])
        for choice in ("allow", "deny")
    }
    body = (
        f"<h1>Allow this application?</h1><p>It wants to use the shop {html.escape(shop.settings['shop_name'])}: "
        f"{html.escape(', '.join(scopes))}.</p><p><a class='b' href='{html.escape(links['allow'])}'>Allow</a> "
        f"<a class='b' href='{html.escape(links['deny'])}'>Deny</a></p>"
    )
    return _frame("Sign in", body)


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
    head = "<tr><th>Listing</th><th>SKU</th><th>State</th><th class='n'>Price</th><th class='n'>Stock</th><th></th></tr>"
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
