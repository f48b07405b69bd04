"""What spreadsheets of products, prices and SKU mappings do here: the parts of `oms.kit.imports.kinds`.

`kinds` registers them; `lookup` finds the SKUs of a chunk, `products` and `prices` check and write them.
"""
