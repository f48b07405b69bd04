"""Send listings and prices to stores."""
