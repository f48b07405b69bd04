"""The tables of the stock: warehouses, stock items, movements, limits, differences, documents of stock work."""

from inventory.models.exposure import Exposure
from inventory.models.stock import OpeningStock, StockDifference, StockItem, StockMovement, StockPolicy
from inventory.models.stock_work import (
    Delivery,
    DeliveryLine,
    StockCount,
    StockCountLine,
    Transfer,
    TransferLine,
)
from inventory.models.suppliers import CostChange, Supplier, SupplierSku
from inventory.models.warehouse import Warehouse, WarehouseMapping

__all__ = [
    "CostChange",
    "Delivery",
    "DeliveryLine",
    "Exposure",
    "OpeningStock",
    "StockCount",
    "StockCountLine",
    "StockDifference",
    "StockItem",
    "StockMovement",
    "StockPolicy",
    "Supplier",
    "SupplierSku",
    "Transfer",
    "TransferLine",
    "Warehouse",
    "WarehouseMapping",
]
