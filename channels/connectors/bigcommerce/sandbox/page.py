"""The sandbox store's front page: products with their stock, orders with status and parcels, buttons to buy."""

from __future__ import annotations

import base64
import html

from channels.connectors.bigcommerce.sandbox.shop import STATUSES, Shop
from channels.sandbox.server import Request, Response
from channels.sandbox.shop_page import SHOWN, drawn, not_found, page, section

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
GIF = b"GIF89a\x01\x00\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"


def answer(shop: Shop, request: Request, base_url: str) -> Response:
    """Return the front page, or one of the store's pictures."""
    for ending, file in (("png", PNG), ("gif", GIF)):
        if request.path.startswith("/image/") and request.path.endswith(f".{ending}"):
            return Response(200, file, {"Content-Type": f"image/{ending}"})
    if request.path.startswith("/image/"):
        return drawn(request.path)
    if request.path != "/" and not request.path.startswith("/manage/orders/"):
        return not_found()
    name = html.escape(shop.settings["name"])
    return page(
        name,
        f"<h1>{name}</h1><p class='note'>A sandbox that behaves like a BigCommerce store at {html.escape(base_url)}. "
        "Stock and statuses below are what the store itself has.</p>"
        '<form method="post" action="/_sandbox/place_order"><button>Place an order</button></form>'
        + section("Orders", "orders", _orders(shop))
        + section("Products", "products", _products(shop)),
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
