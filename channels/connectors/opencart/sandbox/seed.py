"""First content of a sandbox shop: a homeware shop, or a given number of products and orders."""

from __future__ import annotations

import html
import random
from collections.abc import Sequence

from channels.connectors.opencart.sandbox.shop import Row, Shop

DAY = 86_400
#: name, SKU, price, stock, weight in kg, category
GOODS = (
    ("Enamel Kettle, 1.5 l", "KET-EN-15", "39.9000", 34, "1.10", 1), ("Stovetop Espresso Pot, 6 cups", "ESP-06", "28.5000", 41, "0.62", 2),
    ("Hand Coffee Grinder", "GRD-H1", "45.0000", 22, "0.55", 2), ("Pour-Over Dripper", "DRP-01", "18.9000", 57, "0.38", 2),
    ("Paper Filters, 100 pieces", "FLT-100", "4.9000", 240, "0.15", 2), ("Glass Carafe, 1 l", "CRF-10", "16.5000", 38, "0.70", 2),
    ("Tea Strainer with Tray", "STR-T1", "9.9000", 66, "0.08", 2), ("Earl Grey Loose Leaf, 250 g", "TEA-EG-250", "12.4000", 120, "0.26", 2),
    ("Darjeeling First Flush, 100 g", "TEA-DJ-100", "14.9000", 48, "0.11", 2), ("Rooibos & Vanilla, 200 g", "TEA-RV-200", "9.8000", 75, "0.21", 2),
    ("Milk Frother Jug, 350 ml", "JUG-350", "17.0000", 29, "0.24", 2), ("Cast Iron Skillet, 26 cm", "SKL-26", "54.0000", 18, "2.40", 1),
    ("Carbon Steel Wok, 32 cm", "WOK-32", "49.0000", 15, "1.70", 1), ("Stock Pot with Lid, 8 l", "POT-8", "62.0000", 12, "2.10", 1),
    ("Chef's Knife, 20 cm", "KNF-20", "79.0000", 26, "0.22", 1), ("Paring Knife, 9 cm", "KNF-09", "24.0000", 44, "0.07", 1),
    ("Bread Knife, 24 cm", "KNF-24", "46.0000", 19, "0.18", 1), ("End-Grain Chopping Board", "BRD-EG", "58.0000", 16, "2.80", 1),
    ("Rolling Pin, Beech", "PIN-B", "13.5000", 51, "0.45", 1), ("Measuring Cups, set of 4", "CUP-4", "11.9000", 63, "0.20", 1),
    ("Digital Kitchen Scale", "SCL-5", "27.9000", 37, "0.48", 1), ("Mixing Bowls, set of 3", "BWL-3", "34.0000", 27, "1.30", 1),
    ("Silicone Spatula", "SPT-S", "7.9000", 98, "0.06", 1), ("Salad Spinner", "SPN-1", "22.5000", 31, "0.85", 1),
    ("Pepper Mill, Walnut", "MIL-P", "36.0000", 24, "0.30", 1), ("Salt & Pepper Cellar <Duo>", "SPC-2", "19.0000", 33, "0.25", 1),
    ("Linen Tea Towel, Striped", "TWL-ST", "12.0000", 110, "0.12", 3), ("Linen Tea Towel, Plain", "TWL-PL", "11.0000", 95, "0.12", 3),
    ("Waffle Bath Towel", "TWL-WB", "29.0000", 46, "0.50", 3), ("Cotton Blanket, Herringbone", "BLK-HB", "69.0000", 14, "1.20", 3),
    ("Cushion Cover, 45 × 45", "CSH-45", "21.0000", 58, "0.20", 3), ("Beeswax Candle, tall", "CDL-T", "8.5000", 130, "0.18", 3),
    ("Soy Candle, Fig Leaf", "CDL-FIG", "23.0000", 42, "0.40", 3), ("Brass Candle Holder", "CDH-BR", "26.0000", 20, "0.35", 3),
    ("Wicker Laundry Basket", "BSK-L", "52.0000", 9, "1.90", 3), ("Desk Lamp, Olive", "LMP-OL", "89.0000", 11, "1.60", 3),
    ("Wall Clock, Oak", "CLK-OAK", "64.0000", 8, "0.90", 3), ("Ceramic Vase, Tall", "VAS-T", "38.0000", 17, "1.10", 3),
    ("Soap Dish, Slate", "SOP-SL", "9.5000", 54, "0.30", 3), ("Hand Soap, Lemon Verbena", "SOP-LV", "10.9000", 88, "0.52", 3),
    ("Secateurs", "GRN-SEC", "32.0000", 28, "0.24", 4), ("Hand Trowel", "GRN-TRW", "15.9000", 47, "0.26", 4),
    ("Watering Can, 5 l", "GRN-CAN5", "35.0000", 21, "0.95", 4), ("Jute Twine, 100 m", "GRN-TWN", "6.5000", 150, "0.30", 4),
    ("Terracotta Pot, 18 cm", "GRN-POT18", "9.0000", 72, "1.05", 4), ("Seed Box, Herbs", "GRN-SEED", "16.0000", 60, "0.10", 4),
    ("Gardening Gloves", "GRN-GLV", "14.0000", 0, "0.09", 4), ("Bird Feeder, Cedar", "GRN-BRD", "27.0000", 3, "0.80", 4),
    ("Notebook, Dotted A5", "PAP-A5D", "13.0000", 105, "0.28", 5), ("Fountain Pen, Fine", "PAP-FPF", "34.0000", 23, "0.03", 5),
)  # fmt: skip
#: Products without a SKU: (name, model, price, stock). The model is used instead.
NAMELESS = (
    ("Gift Wrapping Sheet", "wrap-sheet", "2.5000", 300),
    ("Postcard, Botanical", "card-botanical", "1.8000", 400),
)
CATEGORIES = ((1, 0, "Kitchen"), (2, 1, "Tea & Coffee"), (3, 0, "Home"), (4, 0, "Garden"), (5, 0, "Paper"))
ATTRIBUTES = ((1, 1, "Material", "Material"), (2, 1, "Material", "Care"), (3, 2, "Size", "Capacity"))
PEOPLE = (
    ("Nora Lindqvist", "Lindenstraße 8", "Berlin", "10969", "DE"), ("Émile Laurent", "14 rue des Lilas", "Lyon", "69003", "FR"),
    ("Grace O'Neill", "3 Harbour Row", "Bristol", "BS1 4RN", "GB"), ("Marta Kowalska", "ul. Polna 5/2", "Kraków", "30-001", "PL"),
    ("Jan de Vries", "Prinsengracht 211", "Amsterdam", "1015 DV", "NL"), ("Sofia Rossi", "Via Garibaldi 22", "Torino", "10122", "IT"),
    ("Tom Becker", "Am Markt 1", "Freiburg", "79098", "DE"), ("Aoife Byrne", "27 Mill Lane", "Cork", "T12 X8N6", "IE"),
)  # fmt: skip
COUNTRIES = {
    "DE": "Germany", "FR": "France", "GB": "United Kingdom", "PL": "Poland", "NL": "Netherlands", "IT": "Italy",
    "IE": "Ireland",
}  # fmt: skip
METHODS = (("Flat Shipping Rate", "flat.flat", "5.0000"), ("DHL Parcel", "weight.weight_1", "6.9000"), ("Pick-up in Store", "pickup.pickup", "0.0000"))  # fmt: skip
#: Orders of the demo: the statuses that they passed, number of orders, days since the first was placed.
LIVES: Sequence[tuple[tuple[int, ...], int, float]] = (
    ((1, 2, 3, 5), 12, 88), ((1, 2, 3), 6, 20), ((1, 7), 2, 35), ((2, 7), 1, 9), ((1, 8), 1, 50), ((1, 2, 3, 5, 11), 1, 62),
    ((1, 10), 1, 41), ((1, 14), 1, 71), ((2, 15), 2, 4), ((1, 2, 17), 1, 3), ((1, 2), 4, 2.5), ((2,), 4, 1.5), ((1,), 4, 1),
    ((0,), 1, 1),
)  # fmt: skip


def seed_demo(shop: Shop, *, random_seed: int = 7) -> None:
    """Add about 60 products of each kind and 41 orders of the last 90 days in all statuses."""
    rng = random.Random(random_seed)
    shop.settings["name"] = "Fern & Kettle"
    shop.statuses[17] = "Waiting for pick-up"  # a status that the seller added: no table of Manifold has it
    shop.settings["processing"] = [*shop.settings["processing"], 17]
    _lists(shop)
    begin = shop.now() - 200 * DAY
    for number, (name, sku, price, quantity, weight, category) in enumerate(GOODS):
        special = f"{float(price) * 0.85:.4f}" if number % 9 == 4 else None
        shop.add_product(
            name, price, model=sku, sku=sku, quantity=quantity + 12 * (quantity > 0), weight=f"{weight}000000",
            description=f"<p>{html.escape(name)}: made to last, repaired for life.</p>", special=special,
            category_ids=[category], image=f"catalog/{sku.lower()}.jpg", ean=f"40{number:010d}",
            manufacturer={"id": 1 + category % 3, "name": ("Fernwerk", "Kettle & Co", "Almhaus")[category % 3]},
            attributes=[{"attribute_id": 2, "text": "Wash by hand &amp; dry"}] if category == 1 else [],
            moment=begin + number * DAY,
        )  # fmt: skip
    for name, model, price, quantity in NAMELESS:
        shop.add_product(
            name, price, model=model, quantity=quantity, category_ids=[5], moment=begin + 60 * DAY
        )
    shop.add_product(
        "Paring Knife, 9 cm (old listing)",
        "22.0000",
        model="KNF-09-OLD",
        sku="KNF-09",
        quantity=5,
        moment=begin,
    )
    _groups(shop, begin + 70 * DAY)
    _lives(shop, rng)


def seed_many(shop: Shop, *, products: int, orders: int, random_seed: int = 7) -> None:
    """Add this number of single products and orders; the orders are spread over the last 90 days."""
    rng = random.Random(random_seed)
    if not shop.categories:
        _lists(shop)
    begin, width = shop.now() - 200 * DAY, len(str(products))
    made = [
        shop.add_product(
            f"Product {number:0{width}d}", f"{rng.randint(200, 20_000) / 100:.4f}", sku=f"SKU-{number:0{width}d}",
            quantity=rng.randint(20, 500), category_ids=[1 + number % 5], weight="0.50000000",
            image=f"catalog/{number}.jpg", moment=begin + number % (100 * DAY),
        )
        for number in range(1, products + 1)
    ]  # fmt: skip
    sold = made or [product for product in shop.products.values() if shop.kind(product) == "simple"]
    span = 89 * DAY
    for number in range(orders):
        goods = rng.sample(sold, k=min(rng.choice((1, 1, 2, 3)), len(sold)))
        lines = [shop.line_for(product, rng.choice((1, 1, 1, 2, 3))) for product in goods]
        status = rng.choices((1, 2, 3, 5, 7, 15), (10, 20, 20, 40, 6, 4))[0]
        placed = shop.now() - span + span * number / orders
        order = place(shop, rng, lines, placed)
        shop.add_history(order, status, moment=placed + 1)


def place(shop: Shop, rng: random.Random, lines: list[Row], moment: float) -> Row:
    """Add an order of one of `PEOPLE`, with status 0."""
    name, street, city, postcode, country = rng.choice(PEOPLE)
    first, _, last = name.partition(" ")
    method, code, cost = rng.choice(METHODS)
    discount = "3.0000" if rng.random() < 0.1 else ""
    totals = shop.totals_for(lines, cost, discount)
    address = {
        "firstname": first, "lastname": last, "company": "", "address_1": street, "address_2": "", "city": city,
        "postcode": postcode, "zone": "", "zone_code": "", "country": COUNTRIES[country], "iso2": country, "iso3": "",
    }  # fmt: skip
    return shop.add_order(
        {
            "lines": lines, "totals": totals, "total": totals[-1]["value"], "currency": shop.settings["currency"],
            "currency_value": "1.00000000", "firstname": first, "lastname": last, "customer_id": rng.randint(0, 40),
            "email": f"{last}@example.com".lower().replace(" ", ".").replace("'", ""), "telephone": "+49 30 555 0100",
            "comment": html.escape(rng.choice(("", "", "", "Please ring twice & leave with a neighbour."))),
            "payment": {"name": "Cash On Delivery", "code": "cod.cod", "address": address},
            "shipping": {"name": method, "code": code, "cost": cost, "address": address},
        },
        moment=moment,
    )  # fmt: skip


def _lists(shop: Shop) -> None:
    names: dict[int, list[str]] = {}
    for category_id, parent_id, name in CATEGORIES:
        names[category_id] = [*names.get(parent_id, []), name]
        shop.categories[category_id] = {
            "id": category_id, "parent_id": parent_id, "name": name, "path": names[category_id], "status": True,
            "sort_order": category_id,
        }  # fmt: skip
    for attribute_id, group_id, group, name in ATTRIBUTES:
        shop.attributes[attribute_id] = {
            "id": attribute_id,
            "group_id": group_id,
            "group": group,
            "name": name,
        }


def _groups(shop: Shop, moment: float) -> None:
    """Add products with options, one with variants, and the two kinds whose stock cannot be sent."""
    mug = shop.add_product(
        "Enamel Mug",
        "12.0000",
        model="MUG",
        sku="MUG",
        category_ids=[2],
        image="catalog/mug.jpg",
        moment=moment,
    )
    shop.add_option(mug, "Colour", [
        {"name": "Cream", "quantity": 40, "sku": "MUG-CRM"}, {"name": "Moss", "quantity": 25, "sku": "MUG-MOS"},
        {"name": "Night Blue", "quantity": 18, "difference": "1.5000"},
    ])  # fmt: skip
    apron = shop.add_product(
        "Linen Apron",
        "48.0000",
        model="apron-linen",
        category_ids=[1],
        image="catalog/apron.jpg",
        moment=moment,
    )
    shop.add_option(
        apron,
        "Size",
        [{"name": "S/M", "quantity": 14}, {"name": "L/XL", "quantity": 9, "difference": "4.0000"}],
    )
    throw = shop.add_product(
        "Wool Throw", "95.0000", model="THROW", category_ids=[3], image="catalog/throw.jpg", moment=moment
    )
    colour = shop.add_option(
        throw, "Colour", [{"name": "Oatmeal", "quantity": 7}, {"name": "Rust", "quantity": 5}]
    )
    for value, sku in zip(colour["values"], ("THROW-OAT", "THROW-RST"), strict=True):
        shop.add_product(
            "Wool Throw", "95.0000", model=sku, sku=sku, quantity=value["quantity"], master_id=throw["product_id"],
            variant={str(colour["product_option_id"]): value["product_option_value_id"]}, moment=moment,
        )  # fmt: skip
    board = shop.add_product(
        "Engraved Cheese Board",
        "44.0000",
        model="BRD-ENG",
        sku="BRD-ENG",
        quantity=20,
        category_ids=[1],
        moment=moment,
    )
    shop.add_option(
        board,
        "Wood",
        [{"name": "Oak", "quantity": 12}, {"name": "Walnut", "quantity": 8, "difference": "9.0000"}],
    )
    shop.add_option(board, "Engraving", kind="text")
    tunic = shop.add_product(
        "Work Tunic", "72.0000", model="TUN", sku="TUN", quantity=30, category_ids=[3], moment=moment
    )
    shop.add_option(tunic, "Size", [{"name": "S", "quantity": 15}, {"name": "M", "quantity": 15}])
    shop.add_option(tunic, "Colour", [{"name": "Ink", "quantity": 20}, {"name": "Sand", "quantity": 10}])
    shop.add_product(
        "Recipe Book (PDF)",
        "9.0000",
        model="PDF-REC",
        sku="PDF-REC",
        quantity=1000,
        subtract=False,
        category_ids=[5],
        moment=moment,
    )


def _lives(shop: Shop, rng: random.Random) -> None:
    """Add the demo's orders, oldest first, each with the statuses that it passed."""
    simple = [
        product
        for product in shop.products.values()
        if shop.kind(product) == "simple" and product["quantity"] > 20
    ]
    groups = [product for product in shop.products.values() if shop.kind(product) == "options"]
    plan = [
        (shop.now() - days * DAY * (1 - 0.8 * number / count), statuses)
        for statuses, count, days in LIVES
        for number in range(count)
    ]
    for placed, statuses in sorted(plan):
        goods = rng.sample(simple, k=rng.choice((1, 1, 2, 3)))
        lines = [shop.line_for(product, rng.choice((1, 1, 2))) for product in goods]
        if rng.random() < 0.25:
            product = rng.choice(groups)
            option = shop.counted_option(product)
            assert option is not None
            lines.append(shop.line_for(product, 1, [rng.choice(option["values"])["option_value_id"]]))
        order = place(shop, rng, lines, placed)
        step = min(DAY, (shop.now() - placed) / (len(statuses) + 1))
        for number, status in enumerate(statuses):
            if status:
                shop.add_history(order, status, moment=placed + number * step)
