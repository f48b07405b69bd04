"""Where stock is, how much of it, and what each store may be offered."""
