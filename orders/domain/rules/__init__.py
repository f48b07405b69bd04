"""Automation rules: what of an order is compared, and what a rule does with it.

Start with `fields` (conditions) and `effects` (actions). `compiled` makes rules fast, `loaded` keeps them, `automation`
applies them to the orders of a unit of work, `conflicts` finds those that contradict each other.
"""
