"""First content of the account: SKUs that the OpenCart demo has too, or a given number of SKUs and orders."""

from __future__ import annotations

import random
from collections.abc import Sequence

from channels.connectors.onbuy.sandbox.market import Market, Row

DAY = 86_400
#: Name, SKU, price, stock: the same SKUs as in the other channels' demo shops.
GOODS = (
    ("Enamel Kettle, 1.5 l", "KET-EN-15", "39.90", 34),
    ("Stovetop Espresso Pot, 6 cups", "ESP-06", "28.50", 41),
    ("Hand Coffee Grinder", "GRD-H1", "45.00", 22),
    ("Pour-Over Dripper", "DRP-01", "18.90", 57),
    ("Paper Filters, 100 pieces", "FLT-100", "4.90", 240),
    ("Glass Carafe, 1 l", "CRF-10", "16.50", 38),
    ("Tea Strainer with Tray", "STR-T1", "9.90", 66),
    ("Earl Grey Loose Leaf, 250 g", "TEA-EG-250", "12.40", 120),
    ("Darjeeling First Flush, 100 g", "TEA-DJ-100", "14.90", 48),
    ("Rooibos & Vanilla, 200 g", "TEA-RV-200", "9.80", 75),
    ("Milk Frother Jug, 350 ml", "JUG-350", "17.00", 29),
    ("Cast Iron Skillet, 26 cm", "SKL-26", "54.00", 18),
    ("Carbon Steel Wok, 32 cm", "WOK-32", "49.00", 15),
    ("Stock Pot with Lid, 8 l", "POT-8", "62.00", 12),
    ("Chef's Knife, 20 cm", "KNF-20", "79.00", 26),
    ("Paring Knife, 9 cm", "KNF-09", "24.00", 44),
    ("Bread Knife, 24 cm", "KNF-24", "46.00", 19),
    ("End-Grain Chopping Board", "BRD-EG", "58.00", 16),
    ("Rolling Pin, Beech", "PIN-B", "13.50", 51),
    ("Measuring Cups, set of 4", "CUP-4", "11.90", 63),
    ("Digital Kitchen Scale", "SCL-5", "27.90", 37),
    ("Mixing Bowls, set of 3", "BWL-3", "34.00", 27),
)
CATEGORIES = (
    (2001, 0, "Home & Garden", "", False), (2101, 2001, "Cookware", "Home & Garden", True),
    (2102, 2001, "Tea & Coffee", "Home & Garden", True), (2103, 2001, "Home Textiles & Decor", "Home & Garden", True),
    (2104, 2001, "Gardening", "Home & Garden", True), (2105, 2001, "Stationery", "Home & Garden", True),
)  # fmt: skip
BRANDS = ("Almhaus", "Fernwerk", "Kettle & Co", "Unbranded", "Kiln Street")
PEOPLE = (
    ("Grace O'Neill", "3 Harbour Row", "Bristol", "Bristol", "BS1 4RN"), ("Jo Example", "1 High Street", "Poole", "Dorset", "BH12 1AA"),
    ("Priya Shah", "22 Mill Lane", "Leeds", "West Yorkshire", "LS1 4AP"), ("Owen Pritchard", "7 Heol Fawr", "Cardiff", "South Glamorgan", "CF10 1AA"),
    ("Ailsa MacKay", "14 Shore Road", "Oban", "Argyll", "PA34 4AW"),
)  # fmt: skip
#: Orders of the demo: status, number of orders, days since the first was placed.
LIVES: Sequence[tuple[str, int, float]] = (
    ("dispatched", 12, 85), ("complete", 1, 70), ("cancelled_by_buyer", 2, 40), ("cancelled_by_seller", 1, 33),
    ("cancelled", 1, 21), ("refunded", 1, 50), ("partially_refunded", 1, 45), ("partially_dispatched", 1, 3),
    ("awaiting_dispatch", 10, 2.5),
)  # fmt: skip


def seed_demo(market: Market, *, random_seed: int = 7) -> None:
    """Add 25 SKUs and 30 orders of the last 90 days in all statuses."""
    rng = random.Random(random_seed)
    _lists(market)
    begin = market.clock() - 200 * DAY
    for number, (name, sku, price, quantity) in enumerate(GOODS):
        product = market.add_product(name, [f"40{number:011d}"])
        row = market.add_listing(
            product, sku, price, quantity + 12 * (quantity > 0), moment=begin + number * DAY
        )
        if number % 9 == 4:
            row |= {
                "sale_price": f"{float(price) * 0.85:.2f}",
                "sale_start_date": market.stamp(begin),
                "sale_end_date": market.stamp(begin + 1000 * DAY),
            }
    for place, (sku, colour, stock) in enumerate((("MUG-CRM", "Cream", 40), ("MUG-MOS", "Moss", 25))):
        product = market.add_product(f"Enamel Mug - {colour}", [f"41{place:011d}"], is_own=True)
        market.add_listing(product, sku, "12.00", stock, group_sku="MUG", moment=begin + 70 * DAY + place)
    nameless = market.add_product("Gift Wrapping Sheet", ["4200000000001"])
    market.add_listing(nameless, "", "2.50", 300, moment=begin + 71 * DAY)
    market.add_product("Porcelain Teapot, 1.2 l", ["5000000000005"])  # in the catalogue, nobody's here
    sold = [row for row in market.listings.values() if row["sku"] and int(row["stock"]) > 20]
    plan = sorted(
        (market.clock() - days * DAY * (1 - 0.8 * place / count), slug)
        for slug, count, days in LIVES
        for place in range(count)
    )
    for placed, slug in plan:
        goods = [(row, rng.choice((1, 1, 2))) for row in rng.sample(sold, k=rng.choice((1, 1, 2, 3)))]
        if slug == "partially_dispatched":
            goods = [(row, 2) for row in rng.sample(sold, k=2)]
        order = place_for(market, rng, goods, placed)
        later = min(placed + DAY, market.clock())
        if slug == "partially_dispatched":
            line = order["products"][0]["onbuy_internal_reference"]
            market.dispatch(order, {line: 1}, _tracking("AB000000001GB"))
            order |= {"updated_at": market.stamp(later), "shipped_at": market.stamp(later)}
        elif slug in ("refunded", "partially_refunded"):
            market.set_status(order, "dispatched", later)
            market.set_status(order, slug, later)
        elif slug != "awaiting_dispatch":
            market.set_status(order, slug, later)


def seed_many(market: Market, *, products: int, orders: int, random_seed: int = 7) -> None:
    """As many single listings and orders as asked for, quickly; orders are spread over the last 90 days."""
    rng = random.Random(random_seed)
    if not market.categories:
        _lists(market)
    begin, width = market.clock() - 200 * DAY, len(str(products))
    made = [
        market.add_listing(
            market.add_product(f"Product {number:0{width}d}", [f"43{number:011d}"]),
            f"SKU-{number:0{width}d}",
            f"{rng.randint(200, 20_000) / 100:.2f}",
            rng.randint(20, 500),
            moment=begin + number % (100 * DAY),
        )
        for number in range(1, products + 1)
    ]
    sold = made or [row for row in market.listings.values() if row["sku"]]
    slugs, weights = ("awaiting_dispatch", "dispatched", "cancelled_by_buyer", "complete"), (10, 75, 8, 7)
    for number in range(orders):
        goods = [
            (row, rng.choice((1, 1, 2)))
            for row in rng.sample(sold, k=min(rng.choice((1, 1, 2, 3)), len(sold)))
        ]
        placed = market.clock() - 89 * DAY + 89 * DAY * number / orders
        order = place_for(market, rng, goods, placed)
        slug = rng.choices(slugs, weights)[0]
        if slug != "awaiting_dispatch":
            market.set_status(order, slug, placed + 60)


def place_for(market: Market, rng: random.Random, goods: list[tuple[Row, int]], moment: float | None) -> Row:
    """An order of one of our people."""
    name, street, town, county, postcode = rng.choice(PEOPLE)
    address = {
        "name": name, "line_1": street, "line_2": "", "line_3": "", "town": town, "county": county,
        "postcode": postcode, "country": "United Kingdom", "country_code": "GB",
    }  # fmt: skip
    email = f"{name.split()[-1].casefold().replace(chr(39), '')}@example.com"
    delivery = rng.choice(("0.00", "3.99", "3.99"))
    return market.add_order(
        goods, {"name": name, "email": email, "address": address}, moment=moment, delivery=delivery
    )


def _tracking(number: str) -> Row:
    return {
        "tracking_number": number,
        "supplier_name": "Royal Mail",
        "tracking_url": "https://www.royalmail.com/",
    }


def _lists(market: Market) -> None:
    for category_id, parent_id, name, tree, can_list in CATEGORIES:
        market.categories[str(category_id)] = {
            "category_id": category_id, "name": name, "category_tree": tree or None,
            "category_type_id": 3 if can_list else 1, "category_type": "Standard" if can_list else "Department",
            "parent_id": parent_id, "lvl": 2 if can_list else 1, "product_code_required": False,
            "seller_approved_for_refurbished": False, "can_list_in": can_list, "avaliable_condition_slugs": ["new"],
        }  # fmt: skip
        if not can_list:
            continue
        market.features[str(category_id)] = {
            "rows": [
                {"feature_id": 105, "name": "Colour", "group_id": 0, "required": False,
                 "options": [{"option_id": 18137154 + n, "name": colour} for n, colour in enumerate(("Cream", "Moss", "Oak"))]},
                {"feature_id": 9, "name": "Material", "group_id": 0, "required": False,
                 "options": [{"option_id": 271, "name": "Steel"}, {"option_id": 272, "name": "Enamel"}]},
            ]
        }  # fmt: skip
        market.details[str(category_id)] = {
            "rows": [
                {"group_id": "2", "group_name": "Dimensions",
                 "options": [{"detail_id": "4", "name": "Width", "units": ["cm"]}, {"detail_id": "5", "name": "Height", "units": ["cm"]}]}
            ]
        }  # fmt: skip
    for number, name in enumerate(BRANDS):
        market.brands[str(3675 + number)] = {
            "brand_id": str(3675 + number),
            "name": name,
            "brand_type_id": "1",
            "type": "Standard",
        }
