"""What spreadsheets say about stock: the part of `oms.kit.imports.kinds` that counts SKUs in warehouses."""
