"""The sandbox's page for people: products with stock, orders with history, buttons to buy and to set a status."""

from __future__ import annotations

import html
from typing import Any

from channels.connectors.opencart.sandbox.shop import Row, Shop
from channels.sandbox.server import Request, Response
from channels.sandbox.shop_page import SHOWN, drawn, not_found, page, section


def answer(shop: Shop, request: Request, base_url: str) -> Response:
    """Return the front page or a drawn picture of a product; 404 for any other path."""
    if "/image/" in request.path:
        name = request.path.rpartition("/")[2].partition(".")[0]
        return drawn(name, name[:2].upper())
    if request.path not in ("/", base_url.partition("//")[2].partition("/")[2].join(("/", ""))):
        return not_found()
    name = html.escape(shop.settings["name"])
    is_closed = shop.settings["maintenance"]
    closed = '<p class="low">The shop is closed for maintenance.</p>' if is_closed else ""
    value, label = ("no", "Open the shop") if is_closed else ("yes", "Close for maintenance")
    return page(
        name,
        f"<h1>{name}</h1><p class='note'>A sandbox that behaves like an OpenCart {shop.settings['version']} shop at "
        f"{html.escape(base_url)}. The stock and statuses below are those of the sandbox, not of Manifold.</p>{closed}"
        f'<form method="post" action="/_sandbox/place_order"><button>Place an order</button></form> '
        f'<form method="post" action="/_sandbox/maintenance"><input type="hidden" name="is_on" value="{value}">'
        f"<button>{label}</button></form>"
        + section("Orders", "orders", _orders(shop))
        + section("Products", "products", _products(shop, base_url)),
    )


def _products(shop: Shop, base_url: str) -> str:
    lines = []
    for product in list(shop.products.values())[: SHOWN * 5]:
        if product["master_id"] in shop.products:
            continue
        lines.append(
            _product_line(
                product["image"],
                product["name"],
                product["sku"],
                product["model"],
                product["price"],
                product["quantity"],
                base_url,
                product["product_id"],
            )
        )
        option = shop.counted(product)
        for value in option["values"] if option else ():
            label = shop.options[option["option_id"]]["values"][value["option_value_id"]] if option else ""
            lines.append(
                _product_line(
                    "",
                    f"&nbsp;&nbsp;· {html.escape(label)}",
                    value["sku"],
                    "",
                    "",
                    value["quantity"],
                    base_url,
                    None,
                    f"{product['product_id']}/{value['option_value_id']}",
                )
            )
        for variant_id in shop.variants.get(product["product_id"], ()):
            row = shop.products[variant_id]
            lines.append(
                _product_line(
                    "",
                    f"&nbsp;&nbsp;· {row['name']}",
                    row["sku"],
                    row["model"],
                    row["price"],
                    row["quantity"],
                    base_url,
                    variant_id,
                )
            )
    more = f"<p>and {len(shop.products) - SHOWN * 5} more</p>" if len(shop.products) > SHOWN * 5 else ""
    head = "<tr><th></th><th>Product</th><th>SKU</th><th>Model</th><th class='n'>Price</th><th class='n'>Stock</th><th></th></tr>"
    return f"<table>{head}{''.join(lines)}</table>{more}"


def _product_line(
    image: str,
    name: str,
    sku: str,
    model: str,
    price: str,
    quantity: int,
    base_url: str,
    buy: int | None,
    key: str = "",
) -> str:
    picture = f'<img alt="" src="{base_url}/image/{html.escape(image)}">' if image else ""
    button = ""
    if buy:
        button = f'<form method="post" action="/_sandbox/buy"><button name="product_id" value="{buy}">Buy one</button></form>'
    low = " low" if quantity < 5 else ""
    mark = f' data-product="{buy or key}"'
    money = f"{float(price):.2f}" if price else ""
    return (
        f"<tr{mark}><td>{picture}</td><td>{name}</td><td>{html.escape(sku)}</td><td>{html.escape(model)}</td>"
        f"<td class='n'>{money}</td><td class='n stock{low}'>{quantity}</td><td>{button}</td></tr>"
    )


def _orders(shop: Shop) -> str:
    rows = sorted(shop.orders.values(), key=lambda order: order["order_id"], reverse=True)
    rows = [order for order in rows if order["status_id"]][:SHOWN]
    head = "<tr><th>Order</th><th>Customer</th><th>Lines</th><th class='n'>Total</th><th>Status</th><th>As the shop's admin</th></tr>"
    return f"<table>{head}{''.join(_order_line(shop, order) for order in rows)}</table>"


def _order_line(shop: Shop, order: Row) -> str:
    goods = "<br>".join(f"{line['quantity']} × {line['name']}" for line in order["lines"])
    history = "".join(
        f"<li>{entry['date_added']} {html.escape(shop.statuses.get(entry['status_id'], ''))}"
        f"{': ' + entry['comment'].replace(chr(10), '<br>') if entry['comment'] else ''}</li>"
        for entry in order["history"]
    )
    choices = "".join(
        f'<option value="{key}"{" selected" if key == order["status_id"] else ""}>{html.escape(name)}</option>'
        for key, name in shop.statuses.items()
    )
    total: Any = float(order["total"]) * float(order["currency_value"])
    status = html.escape(shop.statuses.get(order["status_id"], ""))
    return (
        f'<tr data-order="{order["order_id"]}"><td>#{order["order_id"]}<br>{order["date_added"]}</td>'
        f"<td>{html.escape(order['firstname'])} {html.escape(order['lastname'])}</td><td>{goods}</td>"
        f"<td class='n'>{total:.2f} {order['currency']}</td>"
        f"<td><span class='status'>{status}</span><ol>{history}</ol></td>"
        f'<td><form method="post" action="/_sandbox/set_status"><input type="hidden" name="order_id" '
        f'value="{order["order_id"]}"><select name="status_id" aria-label="Status of order {order["order_id"]}">'
        f"{choices}</select> <button>Set</button></form></td></tr>"
    )
