"""OpenCart's column of the capability matrix, its streams and its settings (`requirements.md`, R-CAT-13)."""

from __future__ import annotations

import pytest

from channels.connectors.opencart.channel import SPEC
from channels.contract.records.orders import FulfilmentEvent
from channels.contract.spec import Capability, Stream

YES = """connect_keys pull_categories pull_attributes pull_carriers pull_products pull_single_product
create_listing_single create_listing_group update_listing delete_listing push_stock push_price pull_orders
pull_order_updates history_90_days webhooks push_ready_to_ship push_shipped push_completed channel_shipping
self_shipping wms_handover""".split()
OFF = ["push_seller_cancel"]


@pytest.mark.req("R-CAT-06", "R-CAT-07", "R-CAT-10", "R-CAT-11", "R-CAT-12", "R-CAT-13")
def test_the_column_of_the_matrix():
    matrix = SPEC.as_matrix()

    assert {name for name, cell in matrix.items() if cell["supported"] and cell["default"]} == set(YES)
    assert [name for name, cell in matrix.items() if cell["supported"] and not cell["default"]] == OFF
    assert set(matrix) == {str(capability) for capability in Capability}
    assert all(cell["reason"] for cell in matrix.values() if not cell["supported"])


@pytest.mark.req("R-CONN-02", "R-ORD-01", "R-ORD-02", "R-USE-04")
def test_form_and_streams():
    assert [(f.name, f.is_secret, f.is_url) for f in SPEC.credential_fields] == [
        ("domain_url", False, True),
        ("secret_key", True, False),
    ]
    assert {stream.name: stream.period for stream in SPEC.streams} == {
        Stream.CATEGORIES: 21_600,
        Stream.ATTRIBUTES: 21_600,
        Stream.STATUSES: 21_600,
        Stream.PRODUCTS: None,  # never by itself after the first import (R-CAT-07)
        Stream.ORDERS_NEW: 300,
        Stream.ORDERS_CHANGED: 1800,
        Stream.ORDERS_HISTORY: None,
    }
    assert (SPEC.batch_size("stock"), SPEC.batch_size("price"), SPEC.batch_size("shipped")) == (100, 100, 1)


@pytest.mark.req("R-ORD-08")
def test_what_is_written_never_restocks_by_default():
    """15 Processed lies outside the shop's stock lists: it is read and never written (§4.1)."""
    assert SPEC.events == {
        FulfilmentEvent.READY_TO_SHIP: "2",
        FulfilmentEvent.TRACKING: "",
        FulfilmentEvent.SHIPPED: "3",
        FulfilmentEvent.COMPLETED: "5",
        FulfilmentEvent.CANCELLED: "7",
    }
    assert {setting.name: setting.default for setting in SPEC.settings} == {
        "sku_rule": "sku_or_model",
        "pending_as_unpaid": False,
        "push_seller_cancel": False,
        "notify_customer": False,
    }
