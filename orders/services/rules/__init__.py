"""Write, order and switch automation rules, and try one on past orders."""
