"""What files of orders and of tracking numbers change: the parts of `oms.kit.imports.kinds` that check, apply and undo rows."""
