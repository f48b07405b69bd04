"""`{% load words %}`: names of streams and topics as people read them."""

from __future__ import annotations

from typing import Any

from django.template import Library

from channels.pull import streams
from oms.screens.messages import TOPICS

register = Library()


@register.filter
def stream_title(name: str) -> Any:
    return streams.title(name)


@register.filter
def topic_title(name: str) -> Any:
    return TOPICS.get(name, name)
