"""`{% load words %}`: names of imports and of kinds of messages as people read them."""

from __future__ import annotations

from typing import Any

from django.template import Library

from channels.pull import streams
from channels.push import topics

register = Library()


@register.filter
def stream_title(name: str) -> Any:
    """Return the title of an import: "orders.new" -> "New orders"."""
    return streams.title(name)


@register.filter
def topic_title(name: str) -> Any:
    """Return the title of a kind of message: "stock" -> "Stock"."""
    return topics.title(name)
