"""First content of the shop: SKUs of the other sandboxes' demo, or a given number of listings and orders."""

from __future__ import annotations

import random
from typing import Any

from channels.connectors.etsy.sandbox.shop import Row, Shop

DAY = 86_400
#: name, SKU, price, stock: a part of the goods of the demo's other shops, under the same SKUs.
GOODS = (
    ("Enamel Kettle, 1.5 l", "KET-EN-15", "41.90", 34), ("Stovetop Espresso Pot, 6 cups", "ESP-06", "29.50", 41),
    ("Hand Coffee Grinder", "GRD-H1", "47.00", 22), ("Pour-Over Dripper", "DRP-01", "19.90", 57),
    ("Paper Filters, 100 pieces", "FLT-100", "5.50", 240), ("Glass Carafe, 1 l", "CRF-10", "17.50", 38),
    ("Tea Strainer with Tray", "STR-T1", "10.90", 66), ("Milk Frother Jug, 350 ml", "JUG-350", "18.00", 29),
    ("Cast Iron Skillet, 26 cm", "SKL-26", "56.00", 18), ("Chef's Knife, 20 cm", "KNF-20", "82.00", 26),
    ("Paring Knife, 9 cm", "KNF-09", "25.00", 44), ("End-Grain Chopping Board", "BRD-EG", "60.00", 16),
    ("Rolling Pin, Beech", "PIN-B", "14.50", 51), ("Pepper Mill, Walnut", "MIL-P", "38.00", 24),
    ("Linen Tea Towel, Striped", "TWL-ST", "13.00", 110), ("Linen Tea Towel, Plain", "TWL-PL", "12.00", 95),
    ("Waffle Bath Towel", "TWL-WB", "31.00", 46), ("Cushion Cover, 45 × 45", "CSH-45", "22.00", 58),
    ("Beeswax Candle, tall", "CDL-T", "9.50", 130), ("Soy Candle, Fig Leaf", "CDL-FIG", "24.00", 42),
    ("Brass Candle Holder", "CDH-BR", "27.00", 20), ("Ceramic Vase, Tall", "VAS-T", "40.00", 17),
    ("Notebook, Dotted A5", "PAP-A5D", "14.00", 105), ("Bird Feeder, Cedar", "GRN-BRD", "28.00", 3),
)  # fmt: skip
MUGS = (
    ("Cream", "MUG-CRM", "12.50", 40),
    ("Moss", "MUG-MOS", "12.50", 25),
    ("Night Blue", "MUG-NIG", "14.00", 18),
)
PEOPLE = (
    ("Nora Lindqvist", "Lindenstraße 8", "Berlin", "10969", "DE"), ("Émile Laurent", "14 rue des Lilas", "Lyon", "69003", "FR"),
    ("Grace O'Neill", "3 Harbour Row", "Bristol", "BS1 4RN", "GB"), ("Marta Kowalska", "ul. Polna 5/2", "Kraków", "30-001", "PL"),
    ("Jan de Vries", "Prinsengracht 211", "Amsterdam", "1015 DV", "NL"), ("Sofia Rossi", "Via Garibaldi 22", "Torino", "10122", "IT"),
)  # fmt: skip
#: Orders of the demo: the statuses that they passed, number of orders, days since the first was placed.
LIVES = (
    (("Completed", "Delivered"), 10, 85), (("Completed",), 5, 20), (("Canceled",), 3, 40), (("Fully Refunded",), 1, 30),
    ((), 8, 3), (("Partially Refunded",), 1, 2.5),
)  # fmt: skip


def seed_demo(shop: Shop, *, random_seed: int = 7) -> None:
    """Add 25 listings, one of them with variations, and 30 receipts of the last 90 days in all statuses."""
    rng = random.Random(random_seed)
    shop.settings["shop_name"] = "FernAndKettle"
    _lists(shop)
    begin = shop.now() - 200 * DAY
    for number, (name, sku, price, quantity) in enumerate(GOODS):
        listing = shop.add_listing(
            name,
            [{"sku": sku, "price": price, "quantity": quantity + 12}],
            taxonomy_id=11 + number % 3,
            moment=begin + number * DAY,
        )
        shop.add_image(listing, f"{sku.lower()}.jpg", 1)
    mug = shop.add_listing(
        "Enamel Mug",
        [{"sku": s, "price": p, "quantity": q, "options": [colour]} for colour, s, p, q in MUGS],
        options=[(200, "Primary color")],
        taxonomy_id=11,
        moment=begin + 70 * DAY,
    )
    shop.add_image(mug, "mug.jpg", 1)
    plan: list[tuple[float, Any]] = [
        (shop.now() - days * DAY * (1 - 0.8 * number / count), steps)
        for steps, count, days in LIVES
        for number in range(count)
    ]
    listings = [row for row in shop.listings.values() if row["quantity"] > 20]
    for index, (placed, steps) in enumerate(sorted(plan, key=lambda entry: entry[0])):
        receipt = shop.add_receipt(_goods(rng, listings), rng.choice(PEOPLE), moment=placed)
        if index == 4:
            receipt["gift_message"], receipt["is_gift"] = "Happy birthday, Jan!", True
        _live(shop, receipt, steps, placed)
    shop.add_receipt(_goods(rng, listings), PEOPLE[0], moment=shop.now() - DAY, is_paid=False)
    shop.add_receipt(
        [(mug, mug["inventory"]["products"][0], 1)],
        PEOPLE[2],
        moment=shop.now() - 7200,
        personalisation="For Ida",
    )


def _live(shop: Shop, receipt: Row, steps: tuple[str, ...], placed: float) -> None:
    for number, step in enumerate(steps, start=1):
        at = min(placed + number * DAY, shop.now() - 60)
        if step == "Completed":
            shop.ship(receipt, f"RM{receipt['receipt_id']}", "royal-mail", at)
        elif step == "Partially Refunded":
            shop.refund(receipt, "5.00", "Arrived scratched", moment=at)
        elif step == "Fully Refunded":
            total = receipt["grandtotal"]
            shop.refund(receipt, total["amount"] / total["divisor"], "Out of stock", moment=at)
        else:
            shop.move(receipt, step, at)


def _goods(rng: random.Random, listings: list[Row]) -> list[tuple[Row, Row, int]]:
    chosen = rng.sample(listings, k=min(rng.choice((1, 1, 2)), len(listings)))
    return [(row, rng.choice(row["inventory"]["products"]), rng.choice((1, 1, 2))) for row in chosen]


def seed_many(shop: Shop, *, products: int, orders: int, random_seed: int = 7) -> None:
    """Add this many single listings and receipts; receipts are spread over the last 89 days."""
    rng = random.Random(random_seed)
    if not shop.taxonomy:
        _lists(shop)
    begin, width = shop.now() - 200 * DAY, len(str(products))
    made = [
        shop.add_listing(
            f"Product {number:0{width}d}",
            [
                {
                    "sku": f"SKU-{number:0{width}d}",
                    "price": f"{rng.randint(200, 20_000) / 100:.2f}",
                    "quantity": rng.randint(20, 500),
                }
            ],
            taxonomy_id=11 + number % 3,
            moment=begin + number % (100 * DAY),
        )
        for number in range(1, products + 1)
    ]
    sold = made or list(shop.listings.values())
    span = 89 * DAY
    for number in range(orders):
        placed = shop.now() - span + span * number / orders
        receipt = shop.add_receipt(_goods(rng, sold), rng.choice(PEOPLE), moment=placed, takes_stock=False)
        steps = rng.choices((("Completed", "Delivered"), ("Completed",), ("Canceled",), ()), (60, 20, 6, 14))[
            0
        ]
        for step in steps:
            shop.move(receipt, step, min(placed + 3600, shop.now() - 60))


def _lists(shop: Shop) -> None:
    def node(node_id: int, name: str, parent: int | None, level: int, children: list[Row]) -> Row:
        path = [node_id] if parent is None else [parent, node_id]
        return {
            "id": node_id, "level": level, "name": name, "parent_id": parent, "children": children,
            "full_path_taxonomy_ids": path,
        }  # fmt: skip

    shop.taxonomy = [
        node(1, "Home & Living", None, 1, [
            node(11, "Kitchen & Dining", 1, 2, []), node(12, "Bathroom", 1, 2, []), node(13, "Candles", 1, 2, []),
        ])
    ]  # fmt: skip
    colours: list[Row] = [
        {"value_id": 1 + n, "name": name, "scale_id": None, "equal_to": []}
        for n, name in enumerate(("Cream", "Moss", "Night Blue"))
    ]
    colour = {
        "property_id": 200, "name": "primary_color", "display_name": "Primary color", "scales": [],
        "is_required": False, "supports_attributes": True, "supports_variations": True, "is_multivalued": False,
        "max_values_allowed": 1, "possible_values": colours, "selected_values": [],
    }  # fmt: skip
    shop.properties = {str(node_id): [colour] for node_id in (1, 11, 12, 13)}
