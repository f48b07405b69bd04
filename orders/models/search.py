"""What an order is found by."""

from __future__ import annotations

from django.db import models

from orders.models.order import Order


class OrderSearch(models.Model):
    """The search text of an order (`orders.unit_of_work.search_text`), apart from its row.

    An order is updated ten times in its life and its text hardly ever: in the same row, PostgreSQL would write all
    trigrams of the text again with each update.
    """

    order = models.OneToOneField(Order, primary_key=True, on_delete=models.CASCADE, related_name="search")
    text = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"search text of {self.order_id}"
