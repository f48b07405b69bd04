"""The tables of the stock: warehouses, stock items, movements, limits, differences."""

from inventory.models.stock import OpeningStock, StockDifference, StockItem, StockMovement, StockPolicy
from inventory.models.warehouse import Warehouse, WarehouseMapping

__all__ = [
    "OpeningStock",
    "StockDifference",
    "StockItem",
    "StockMovement",
    "StockPolicy",
    "Warehouse",
    "WarehouseMapping",
]
