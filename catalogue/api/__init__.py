"""Operations of the HTTP API about products and prices."""
