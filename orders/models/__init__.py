"""The tables of orders: orders and their lines, shipments, carriers, settings."""

from orders.models.carrier import Carrier, CarrierMap
from orders.models.handover import Handover, WmsEvent
from orders.models.order import Allocation, Hold, NativeOrder, Note, Order, OrderEvent, OrderLine, money_field
from orders.models.packing import PackingSession
from orders.models.returns import Return, ReturnLine
from orders.models.search import OrderSearch
from orders.models.settings import OrderSettings
from orders.models.shipment import Manifest, Shipment, ShipmentLine

__all__ = [
    "Allocation",
    "Carrier",
    "CarrierMap",
    "Handover",
    "Hold",
    "Manifest",
    "NativeOrder",
    "Note",
    "Order",
    "OrderEvent",
    "OrderLine",
    "OrderSearch",
    "OrderSettings",
    "PackingSession",
    "Return",
    "ReturnLine",
    "Shipment",
    "ShipmentLine",
    "WmsEvent",
    "money_field",
]
