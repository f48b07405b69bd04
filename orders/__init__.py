"""Orders: import, allocation, shipments, and what their channels are sent. The status follows from facts (`orders.status`)."""
