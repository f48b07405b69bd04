"""Checks of what people type about a product; the services use them before they save.

`codes` check digits of barcodes · `measures` weights and dimensions · `seen` what somebody
else changed meanwhile · `store_differences` what a store shows otherwise.
"""
