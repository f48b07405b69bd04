"""What is sold: products, variants, and their listings on the stores."""
