"""Rules: write, order and switch automation rules, try one on past orders; the order settings of a store."""
