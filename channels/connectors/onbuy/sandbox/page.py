"""The sandbox's page for people: listings with stock, orders with status, the queue, buttons to buy and to set a status."""

from __future__ import annotations

import html

from channels.connectors.onbuy.sandbox.market import LABELS, Market, Row
from channels.sandbox.server import Request, Response
from channels.sandbox.shop_page import SHOWN, drawn, not_found, page, section


def answer(market: Market, request: Request, base_url: str) -> Response:
    """Return the front page, or a picture; 404 for any other path."""
    if request.path.startswith("/image/"):
        return drawn(request.path, request.path[7:9].upper())
    if request.path != "/":
        return not_found()
    name = html.escape(market.settings["name"])
    return page(
        f"{name} on OnBuy",
        f"<h1>{name} on OnBuy</h1><p class='note'>A sandbox that behaves like OnBuy's API v2 at "
        f"{html.escape(base_url)}/v2. The stock and statuses below are those of the sandbox, not of Manifold.</p>"
        '<form method="post" action="/_sandbox/place_order"><button>Place an order</button></form> '
        '<form method="post" action="/_sandbox/settle"><button>Process the queue now</button></form>'
        + section("Orders", "orders", _orders(market))
        + section("Listings", "products", _listings(market))
        + f"<h2>Queue</h2>{_queue(market)}",
    )


def _listings(market: Market) -> str:
    rows = list(market.listings.values())
    head = (
        "<tr><th>Product</th><th>SKU</th><th>OPC</th><th class='n'>Price</th><th class='n'>Sale</th>"
        "<th class='n'>Stock</th><th></th></tr>"
    )
    lines = "".join(_listing(row) for row in rows[: SHOWN * 5])
    more = f"<p>and {len(rows) - SHOWN * 5} more</p>" if len(rows) > SHOWN * 5 else ""
    return f"<table>{head}{lines}</table>{more}"


def _listing(row: Row) -> str:
    low = " low" if int(row["stock"]) < 5 else ""
    sku = html.escape(row["sku"])
    button = (
        f'<form method="post" action="/_sandbox/buy"><button name="sku" value="{sku}">Buy one</button></form>'
        if sku
        else ""
    )
    return (
        f'<tr data-sku="{sku}"><td>{html.escape(row["name"])}</td><td>{sku}</td><td>{row["opc"]}</td>'
        f"<td class='n'>{row['price']}</td><td class='n'>{row['sale_price'] or ''}</td>"
        f"<td class='n stock{low}'>{row['stock']}</td><td>{button}</td></tr>"
    )


def _orders(market: Market) -> str:
    rows = sorted(market.orders.values(), key=lambda row: row["date"], reverse=True)[:SHOWN]
    head = (
        "<tr><th>Order</th><th>Customer</th><th>Lines</th><th class='n'>Total</th><th>Status</th>"
        "<th>In the seller panel</th></tr>"
    )
    return f"<table>{head}{''.join(_order(row) for row in rows)}</table>"


def _order(row: Row) -> str:
    goods = "<br>".join(
        f"{line['quantity']} × {html.escape(line['name'])}"
        + (f" ({line['quantity_dispatched']} sent)" if line["quantity_dispatched"] else "")
        for line in row["products"]
    )
    tracking = row["tracking"] or {}
    number = html.escape(f"{tracking.get('supplier_name', '')} {tracking.get('tracking_number', '')}".strip())
    choices = "".join(
        f'<option value="{slug}"{" selected" if label == row["status"] else ""}>{label}</option>'
        for slug, label in LABELS.items()
    )
    return (
        f'<tr data-order="{row["order_id"]}"><td>{row["order_id"]}<br>{row["date"]}</td>'
        f"<td>{html.escape(row['buyer']['name'])}</td><td>{goods}</td><td class='n'>£{row['price_total']}</td>"
        f"<td><span class='status'>{row['status']}</span><br>{number}</td>"
        f'<td><form method="post" action="/_sandbox/set_status"><input type="hidden" name="order_id" '
        f'value="{row["order_id"]}"><select name="status" aria-label="Status of order {row["order_id"]}">{choices}'
        "</select> <button>Set</button></form></td></tr>"
    )


def _queue(market: Market) -> str:
    rows = list(reversed(market.queues.values()))[:SHOWN]
    lines = "".join(
        f"<tr><td>{html.escape(row['uid'])}</td><td>{row['status']}</td><td>{row.get('opc', '')}</td>"
        f"<td>{html.escape(row.get('error_message', ''))}</td></tr>"
        for row in rows
    )
    return f"<table><tr><th>Reference</th><th>Status</th><th>OPC</th><th>Error</th></tr>{lines}</table>"
