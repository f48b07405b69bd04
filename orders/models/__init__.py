"""The tables of orders: orders and their lines, shipments, carriers, settings."""

from orders.models.buyer import BlockedBuyer
from orders.models.carrier import Carrier, CarrierMap
from orders.models.document import Document, DocumentSettings, NumberSeries
from orders.models.handover import Handover, WmsEvent
from orders.models.labels import CarrierAccount, CarrierRule, CloseOut, LabelPurchase
from orders.models.order import Allocation, Hold, NativeOrder, Note, Order, OrderEvent, OrderLine, money_field
from orders.models.packing import PackingSession, PickWave, WaveTote
from orders.models.parcels import Parcel, ParcelEvent
from orders.models.reports import DayFigures, ReportDay, ReportState, SkuFigures, WarehouseFigures
from orders.models.returns import Return, ReturnLine
from orders.models.rules import OrderRule, RuleApplication, RuleState
from orders.models.search import OrderSearch
from orders.models.settings import OrderSettings
from orders.models.shipment import ChannelCheck, Manifest, Shipment, ShipmentLine

__all__ = [
    "Allocation",
    "BlockedBuyer",
    "Carrier",
    "CarrierAccount",
    "CarrierMap",
    "CarrierRule",
    "ChannelCheck",
    "CloseOut",
    "DayFigures",
    "Document",
    "DocumentSettings",
    "Handover",
    "Hold",
    "LabelPurchase",
    "Manifest",
    "NativeOrder",
    "Note",
    "NumberSeries",
    "Order",
    "OrderEvent",
    "OrderLine",
    "OrderRule",
    "OrderSearch",
    "OrderSettings",
    "PackingSession",
    "Parcel",
    "ParcelEvent",
    "PickWave",
    "ReportDay",
    "ReportState",
    "Return",
    "ReturnLine",
    "RuleApplication",
    "RuleState",
    "Shipment",
    "ShipmentLine",
    "SkuFigures",
    "WarehouseFigures",
    "WaveTote",
    "WmsEvent",
    "money_field",
]
