"""The store as a person sees it: products with their stock, orders with status and parcels, and a way to buy."""

from __future__ import annotations

import base64
import html
import zlib

from channels.connectors.bigcommerce.sandbox.shop import STATUSES, Shop
from channels.sandbox.server import Request, Response

SHOWN = 40
STYLE = """
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:72rem;padding:1rem}
h1{margin:.2rem 0}h2{margin-top:2rem}p.note{opacity:.75}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #8884;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}.low{color:#b3261e;font-weight:600}
.status{padding:.1rem .5rem;border-radius:1rem;background:#8883;white-space:nowrap}button{font:inherit;padding:.25rem .7rem}
form{display:inline}.wide{overflow-x:auto}
"""
SCRIPT = """
setInterval(async()=>{if(document.querySelector('button:focus'))return;
const t=await (await fetch('/')).text();const d=new DOMParser().parseFromString(t,'text/html');
for(const i of ['products','orders'])document.getElementById(i).innerHTML=d.getElementById(i).innerHTML},2000)
"""

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
GIF = b"GIF89a\x01\x00\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"


def answer(shop: Shop, request: Request, base_url: str) -> Response:
    """The front page, or one of the store's pictures, drawn on the spot."""
    for ending, file in (("png", PNG), ("gif", GIF)):
        if request.path.startswith("/image/") and request.path.endswith(f".{ending}"):
            return Response(200, file, {"Content-Type": f"image/{ending}"})
    if request.path.startswith("/image/"):
        hue = zlib.crc32(request.path.encode()) % 360
        picture = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect width="40" height="40" '
            f'fill="hsl({hue} 45% 75%)"/><circle cx="20" cy="22" r="11" fill="hsl({hue} 45% 40%)"/></svg>'
        )
        return Response(200, picture.encode(), {"Content-Type": "image/svg+xml"})
    if request.path != "/" and not request.path.startswith("/manage/orders/"):
        return Response.html("<!DOCTYPE html><h1>Not found</h1>", 404)
    name = html.escape(shop.settings["name"])
    return Response.html(
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{name} (sandbox)</title>'
        f'<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"><style>{STYLE}</style></head>'
        f"<body><main><h1>{name}</h1><p class='note'>A sandbox that behaves like a BigCommerce store at {html.escape(base_url)}. "
        f"Stock and statuses below are what the store itself has.</p>"
        f'<form method="post" action="/_sandbox/place_order"><button>Place an order</button></form>'
        f'<h2>Orders</h2><div class="wide" id="orders">{_orders(shop)}</div>'
        f'<h2>Products</h2><div class="wide" id="products">{_products(shop)}</div>'
        f"</main><script>{SCRIPT}</script></body></html>"
    )


def _products(shop: Shop) -> str:
    lines = []
    for product in list(shop.products.values())[: SHOWN * 5]:
        for variant in product["variants"]:
            label = ", ".join(value["label"] for value in variant["option_values"])
            name = html.escape(f"{product['name']} · {label}" if label else product["name"])
            stock = shop.stock.get(f"1/{variant['id']}", 0)
            mark = ' class="n low"' if stock < 5 else ' class="n"'
            lines.append(
                f"<tr><td>{name}</td><td>{html.escape(variant['sku'])}</td><td class='n'>{shop.price_of(product, variant)}</td>"
                f"<td{mark}>{stock}</td><td><form method='post' action='/_sandbox/buy'>"
                f"<input type='hidden' name='product_id' value='{variant['id']}'><button>Buy one</button></form></td></tr>"
            )
    head = "<tr><th>Product</th><th>SKU</th><th class='n'>Price</th><th class='n'>Stock</th><th></th></tr>"
    return f"<table>{head}{''.join(lines)}</table>"


def _orders(shop: Shop) -> str:
    lines = []
    for order in sorted(shop.orders.values(), key=lambda row: -row["id"])[:SHOWN]:
        goods = ", ".join(f"{line['quantity']} × {line['sku'] or line['name']}" for line in order["lines"])
        parcels = ", ".join(f"{s['tracking_number'] or 'no number'}" for s in order["shipments"])
        who = f"{order['billing'].get('first_name', '')} {order['billing'].get('last_name', '')}"
        lines.append(
            f"<tr><td>{order['id']}</td><td><span class='status'>{STATUSES[order['status_id']]}</span></td>"
            f"<td>{html.escape(who)}</td><td>{html.escape(goods)}</td><td>{html.escape(parcels)}</td></tr>"
        )
    head = "<tr><th>Order</th><th>Status</th><th>Buyer</th><th>Goods</th><th>Parcels</th></tr>"
    return f"<table>{head}{''.join(lines)}</table>"
