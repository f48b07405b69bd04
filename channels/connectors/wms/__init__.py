"""Warehouse systems (WMS): they get shipments by signed calls. It is no sales channel, so no store can be connected with it."""
