"""The tables of orders: orders and their lines, shipments, carriers, settings."""

from orders.models.carrier import Carrier, CarrierMap
from orders.models.document import Document, DocumentSettings, NumberSeries
from orders.models.order import Allocation, Hold, NativeOrder, Note, Order, OrderEvent, OrderLine, money_field
from orders.models.search import OrderSearch
from orders.models.settings import OrderSettings
from orders.models.shipment import Manifest, Shipment, ShipmentLine

__all__ = [
    "Allocation",
    "Carrier",
    "CarrierMap",
    "Document",
    "DocumentSettings",
    "Hold",
    "Manifest",
    "NativeOrder",
    "Note",
    "NumberSeries",
    "Order",
    "OrderEvent",
    "OrderLine",
    "OrderSearch",
    "OrderSettings",
    "Shipment",
    "ShipmentLine",
    "money_field",
]
