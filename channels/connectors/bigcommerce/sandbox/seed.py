"""The content of a new sandbox store. The demo's SKUs are those of the other channels' demo stores."""

from __future__ import annotations

import random
from typing import Any

from channels.connectors.bigcommerce.sandbox.shop import Row, Shop

DAY = 86_400
#: name, SKU, price, stock, category
GOODS = (
    ("Enamel Kettle, 1.5 l", "KET-EN-15", 39.9, 46, 1), ("Stovetop Espresso Pot, 6 cups", "ESP-06", 28.5, 53, 2),
    ("Hand Coffee Grinder", "GRD-H1", 45.0, 34, 2), ("Pour-Over Dripper", "DRP-01", 18.9, 69, 2),
    ("Paper Filters, 100 pieces", "FLT-100", 4.9, 252, 2), ("Glass Carafe, 1 l", "CRF-10", 16.5, 50, 2),
    ("Tea Strainer with Tray", "STR-T1", 9.9, 78, 2), ("Earl Grey Loose Leaf, 250 g", "TEA-EG-250", 12.4, 132, 2),
    ("Milk Frother Jug, 350 ml", "JUG-350", 17.0, 41, 2), ("Cast Iron Skillet, 26 cm", "SKL-26", 54.0, 30, 1),
    ("Carbon Steel Wok, 32 cm", "WOK-32", 49.0, 27, 1), ("Chef's Knife, 20 cm", "KNF-20", 79.0, 38, 1),
    ("Bread Knife, 24 cm", "KNF-24", 46.0, 31, 1), ("End-Grain Chopping Board", "BRD-EG", 58.0, 28, 1),
    ("Measuring Cups, set of 4", "CUP-4", 11.9, 75, 1), ("Digital Kitchen Scale", "SCL-5", 27.9, 49, 1),
    ("Mixing Bowls, set of 3", "BWL-3", 34.0, 39, 1), ("Pepper Mill, Walnut", "MIL-P", 36.0, 36, 1),
    ("Linen Tea Towel, Striped", "TWL-ST", 12.0, 122, 3), ("Cotton Blanket, Herringbone", "BLK-HB", 69.0, 26, 3),
    ("Beeswax Candle, tall", "CDL-T", 8.5, 142, 3), ("Ceramic Vase, Tall", "VAS-T", 38.0, 29, 3),
    ("Secateurs", "GRN-SEC", 32.0, 40, 4), ("Notebook, Dotted A5", "PAP-A5D", 13.0, 117, 5),
)  # fmt: skip
CATEGORIES = (
    (21, 0, "Kitchen"),
    (22, 21, "Tea & Coffee"),
    (23, 0, "Home"),
    (24, 0, "Garden"),
    (25, 0, "Paper"),
)
PEOPLE = (
    ("Grace", "O'Neill", "3 Harbour Row", "Bristol", "BS1 4RN", "GB"), ("Émile", "Laurent", "14 rue des Lilas", "Lyon", "69003", "FR"),
    ("Aoife", "Byrne", "27 Mill Lane", "London", "E8 3QF", "GB"), ("Margot", "Petit", "2 place du Marché", "Nantes", "44000", "FR"),
    ("Tom", "Hughes", "9 Castle Street", "Cardiff", "CF10 1BH", "GB"),
)  # fmt: skip
COUNTRIES = {"GB": "United Kingdom", "FR": "France"}
#: The last status of the demo's orders, how many of them, how many days ago the first was placed.
LIVES = ((10, 10, 88), (2, 6, 30), (5, 2, 40), (6, 1, 35), (4, 1, 50), (7, 2, 3), (1, 1, 2), (9, 2, 2), (8, 1, 1), (11, 7, 2.5), (12, 1, 1))  # fmt: skip


def seed_demo(shop: Shop, *, random_seed: int = 7) -> None:
    """Add 25 products, one of them a group, and 34 orders of the last 90 days."""
    rng = random.Random(random_seed)
    _lists(shop)
    begin = shop.now() - 200 * DAY
    for number, (name, sku, price, quantity, category) in enumerate(GOODS):
        shop.add_product(
            name, price, sku=sku, quantity=quantity, moment=begin + number * DAY, categories=[20 + category],
            description=f"<p>{name}: made to last, repaired for life.</p>", brand_id=40 + category % 3,
            sale_price=round(price * 0.85, 2) if number % 9 == 4 else 0,
            custom_fields=[{"id": 60 + number, "name": "Care", "value": "Wash by hand & dry"}] if category == 1 else [],
            images=[_image(shop, sku)],
        )  # fmt: skip
    shop.add_product(
        "Enamel Mug", 12.0, sku="MUG", moment=begin + 70 * DAY, categories=[22], images=[_image(shop, "mug")],
        variants=[
            {"sku": "MUG-CRM", "options": {"Colour": "Cream"}, "quantity": 40},
            {"sku": "MUG-MOS", "options": {"Colour": "Moss"}, "quantity": 25},
            {"sku": "MUG-NB", "options": {"Colour": "Night Blue"}, "quantity": 18, "price": 13.5},
        ],
    )  # fmt: skip
    plan = sorted(
        (shop.now() - days * DAY * (1 - 0.8 * number / count), status)
        for status, count, days in LIVES
        for number in range(count)
    )
    goods = list(shop.products.values())
    for placed, status in plan:
        _place(shop, rng, goods, placed, status)


def seed_many(shop: Shop, *, products: int, orders: int, random_seed: int = 7) -> None:
    """Add this many single products and orders; orders are spread over the last 90 days."""
    rng = random.Random(random_seed)
    if not shop.categories:
        _lists(shop)
    begin, width = shop.now() - 200 * DAY, len(str(products))
    made = [
        shop.add_product(
            f"Product {number:0{width}d}", rng.randint(200, 20_000) / 100, sku=f"SKU-{number:0{width}d}",
            quantity=rng.randint(20, 500), moment=begin + number % (100 * DAY), categories=[21 + number % 5],
            images=[_image(shop, str(number))], checks=False,
        )
        for number in range(1, products + 1)
    ]  # fmt: skip
    sold = made or list(shop.products.values())
    for number in range(orders):
        placed = shop.now() - 89 * DAY + 89 * DAY * number / orders
        status = rng.choices((11, 9, 2, 10, 5), (30, 10, 20, 36, 4))[0]
        _place(shop, rng, sold, placed, status)


def _place(shop: Shop, rng: random.Random, goods: list[Row], placed: float, status: int) -> None:
    chosen = rng.sample(goods, k=min(rng.choice((1, 1, 2, 3)), len(goods)))
    lines = [shop.line_for(row, rng.choice(row["variants"]), rng.choice((1, 1, 2))) for row in chosen]
    first, last, street, city, postcode, country = rng.choice(PEOPLE)
    place: dict[str, Any] = {
        "first_name": first, "last_name": last, "street_1": street, "city": city, "zip": postcode, "state": "",
        "country": COUNTRIES[country], "country_iso2": country, "phone": "+44 20 7946 0100",
        "email": f"{first}.{last}@example.com".lower().replace("'", ""),
        "shipping_method": rng.choice(("Royal Mail", "DPD", "Evri")),
    }  # fmt: skip
    order = shop.add_order(
        lines, addresses=[place], status=11, moment=placed, customer_id=rng.choice((0, 0, 5, 9))
    )
    if status in (2, 10):
        items = [{"order_product_id": row["id"], "quantity": row["quantity"]} for row in order["lines"]]
        clock, shop.clock = shop.clock, lambda: placed + DAY / 4
        shop.ship(
            order,
            {
                "order_address_id": order["addresses"][0]["id"],
                "items": items,
                "tracking_number": f"RM{order['id']:09d}GB",
                "shipping_provider": "royalmail",
            },
        )
        shop.clock = clock
    if status not in (11, 2):
        shop.set_status(order, status, moment=placed + DAY / 3)


def _lists(shop: Shop) -> None:
    for number, parent, name in CATEGORIES:
        shop.categories[number] = {
            "category_id": number, "tree_id": 1, "parent_id": parent, "name": name, "is_visible": True,
        }  # fmt: skip
    shop.brands = {40: "Fernwerk", 41: "Kettle & Co", 42: "Almhaus"}
    shop.counters["brand"] = 60


def _image(shop: Shop, sku: str) -> Row:
    url = f"/image/{sku.lower()}.jpg"
    return {
        "id": shop.next_id("image", 80), "product_id": 0, "is_thumbnail": True, "sort_order": 0, "description": "",
        "url_zoom": url, "url_standard": url, "url_thumbnail": url, "url_tiny": url,
    }  # fmt: skip
