"""What catalogue registers with the apps below and with the queue: sinks, handlers, problem codes, checks."""

from __future__ import annotations

from catalogue import doctor_checks, first_sync_report
from catalogue.inbound import import_problems, products, reference_data
from catalogue.push import listings, prices
from catalogue.services import listing_state
from channels.contract import used_values
from channels.contract.spec import Stream
from channels.pull.streams import register_sink
from channels.stores import first_sync
from oms.kit import problems


def connect() -> None:
    """Register everything; called once, when Django has loaded the apps."""
    register_sink(Stream.CATEGORIES, reference_data.store_categories)
    register_sink(Stream.BRANDS, reference_data.store_brands)
    register_sink(Stream.ATTRIBUTES, reference_data.store_attributes)
    register_sink(Stream.PRODUCTS, products.store_products)
    used_values.register(used_values.BRANDS, reference_data.brands_in_use)
    used_values.register(used_values.CATEGORIES, reference_data.categories_in_use)
    problems.declare(*import_problems.CODES)
    prices.connect()
    listings.connect()
    listing_state.connect()
    doctor_checks.register()
    first_sync.register_section("products", first_sync_report.section)
