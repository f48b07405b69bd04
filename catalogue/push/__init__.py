"""What a channel is sent about products: listings and prices."""
