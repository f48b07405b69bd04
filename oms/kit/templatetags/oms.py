"""`{% load oms %}`: the pieces of `oms.kit.admin.badges`, and cards, buttons, tabs and forms of own pages."""

from __future__ import annotations

from typing import Any

from django.template import Library
from django.template.loader import render_to_string
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from oms.kit.admin import badges
from oms.kit.numbers import grouped, is_web_address

register = Library()

register.filter("ago", badges.ago)
register.filter("age", badges.age)
register.filter("due", badges.due)
register.filter("number", badges.number)
register.filter("money", badges.money)
register.simple_tag(badges.badge, name="badge")
register.simple_tag(badges.progress, name="progress")
register.simple_tag(badges.picture, name="picture")
register.simple_tag(badges.thumb, name="thumb")
register.simple_tag(badges.tracker, name="tracker")


@register.filter
def web(address: Any) -> str:
    """Return an address of another site; "" for one that is not http or https."""
    return address if isinstance(address, str) and is_web_address(address) else ""


@register.filter
def late_words(count: int) -> str:
    """Return how many are late: "3 late"."""
    return _("%s late") % grouped(count)


@register.filter
def item(mapping: Any, key: Any) -> Any:
    """Return `mapping[key]`, or None."""
    return mapping.get(key) if mapping else None


@register.simple_block_tag
def card(
    content: str, title: object = "", url: str = "", action: object = "", kind: str = "", name: str = ""
) -> SafeString:
    """A framed part of a page with a heading; `url` and `action` put a link at its right.

    `kind` "flush" leaves the padding out (for a table), "danger" marks what is wrong; `name` is its id.
    """
    return SafeString(
        render_to_string(
            "oms/parts/card.html",
            {"content": content, "title": title, "url": url, "action": action, "kind": kind, "name": name},
        )
    )


@register.simple_block_tag
def nothing(content: str, title: object, url: str = "", action: object = "") -> SafeString:
    """The text in place of an empty list: `title` says that it is empty, the content what to do next."""
    return SafeString(
        render_to_string(
            "oms/parts/empty.html", {"content": content, "title": title, "url": url, "action": action}
        )
    )


@register.simple_tag
def button(
    text: object,
    url: str = "",
    *,
    kind: str = "plain",
    off: object = "",
    name: str = "",
    value: str = "",
    icon: str = "",
    key: str = "",
) -> SafeString:
    """A button. With `url` a link, without it a submit button (`name`, `value`); `kind` main, plain or danger.

    `off` is the reason why it cannot be used now: it is shown disabled, with the reason on hover and for screen readers.
    `key` is the keyboard shortcut that presses it.
    """
    return SafeString(
        render_to_string(
            "oms/parts/button.html",
            {
                "text": text,
                "url": url,
                "kind": kind,
                "off": off,
                "name": name,
                "value": value,
                "icon": icon,
                "key": key,
            },
        )
    )


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon that screen readers ignore."""
    return SafeString(
        f'<span class="oms-icon material-symbols-outlined" aria-hidden="true">{conditional_escape(name)}</span>'
    )


@register.inclusion_tag("oms/parts/form.html")
def form_fields(form: Any, columns: int = 1) -> dict[str, Any]:
    """The fields of a form that `oms.kit.admin.dress` has prepared: label, input, help text, errors."""
    return {"form": form, "columns": columns}


@register.inclusion_tag("oms/parts/tabs.html")
def tabs(items: Any, label: object = "") -> dict[str, Any]:
    """Tabs as links: `items` are (text, url, is_current, count or None, the reason why it is off or "")."""
    return {"items": items, "label": label}


@register.filter
def rejected_words(count: int) -> str:
    """Return how many records were rejected: "1 rejected record"."""
    return ngettext("%s rejected record", "%s rejected records", count) % grouped(count)


@register.filter
def failed_words(count: int) -> str:
    """Return how many messages failed: "2 failed messages"."""
    return ngettext("%s failed message", "%s failed messages", count) % grouped(count)


@register.filter
def span(seconds: int) -> str:
    """Return a length of time in words: "5 min"."""
    return badges.span_text(seconds)


_STATE_COLOURS = {
    "running": "info",
    "waiting": "default",
    "done": "success",
    "active": "success",
    "failed": "danger",
    "pending": "info",
    "draft": "default",
    "inactive": "warning",
}


@register.filter
def state_colour(state: str) -> str:
    """Return the colour of the state of a run, a job or a listing."""
    return _STATE_COLOURS.get(state, "default")


@register.filter
def http_colour(status: int | None) -> str:
    return "danger" if not status or status >= 400 else "success"
