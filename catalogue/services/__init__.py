"""What people do with products, listings and SKUs."""
