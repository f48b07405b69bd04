"""Services about the stock of orders: tracking switched on or off, stock of unpaid orders."""
