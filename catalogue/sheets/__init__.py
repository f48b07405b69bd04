"""Spreadsheets of products, prices and kits: their fields, and the files of other systems. Start reading at `products`."""
