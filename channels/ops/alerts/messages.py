"""The words of a message: one or several notices to one person, as plain text and as the forms of webhooks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from channels.models import AlertNotice, AlertSettings
from channels.ops.alerts.people import zone_of
from channels.stores import alert_kinds as kinds
from oms.kit.admin.pages import address

#: Alerts that one message lists; it says how many more there are.
MOST: Final = 25
#: Names of the pages that messages link to.
LIST: Final = "channels_alert_changelist"
ACCOUNT: Final = "account_alerts"


@dataclass(frozen=True, slots=True)
class Line:
    """One alert in a message. `event` is "opened", "escalated", "ended" or "test"."""

    event: str
    kind: str
    key: str
    text: str
    link: str
    opened_at: datetime
    ended_at: datetime | None = None

    @property
    def title(self) -> str:
        """The event and the sentence: "Resolved: UK Shop: the shop refused the key."."""
        text = " ".join(self.text.split())
        words = {
            "ended": _("Resolved: %s"),
            "escalated": _("Not resolved yet: %s"),
            "test": _("Test: %s"),
        }
        return words[self.event] % text if self.event in words else text

    @property
    def url(self) -> str:
        """The whole address of the page to resolve it."""
        return whole(self.link or address(LIST))


def whole(path: str) -> str:
    """Return the whole address of a page of this installation."""
    return f"{settings.OMS_PUBLIC_URL}{path}"


def line_of(notice: AlertNotice) -> Line:
    """Return the line of a notice."""
    alert = notice.alert
    return Line(notice.event, alert.kind, alert.key, alert.text, alert.link, alert.opened_at, alert.ended_at)


def subject_of(lines: Sequence[Line]) -> str:
    """Return the subject: the sentence of a single alert, else how many there are."""
    if len(lines) == 1:
        return f"[Manifold] {lines[0].title}"[:200]
    open_lines = sum(1 for line in lines if line.event != "ended")
    resolved = len(lines) - open_lines
    parts = []
    if open_lines:
        parts.append(ngettext("%d alert", "%d alerts", open_lines) % open_lines)
    if resolved:
        parts.append(ngettext("%d resolved", "%d resolved", resolved) % resolved)
    return f"[Manifold] {', '.join(parts)}"


def text_of(lines: Sequence[Line], person: AlertSettings) -> str:
    """Return the text of an e-mail: each alert with its begin and its address, in the person's time zone."""
    zone = zone_of(person)
    parts = []
    for line in lines[:MOST]:
        since = date_format(line.opened_at.astimezone(zone), "j M Y H:i")
        times = [_("Since: %s") % since]
        if line.ended_at is not None:
            times.append(_("Resolved: %s") % date_format(line.ended_at.astimezone(zone), "j M Y H:i"))
        parts.append("\n".join([line.title, *times, line.url]))
    if len(lines) > MOST:
        parts.append(_("And %d more.") % (len(lines) - MOST))
    foot = _("All alerts: %(list)s\nChoose what you are sent: %(account)s") % {
        "list": whole(address(LIST)),
        "account": whole(address(ACCOUNT)),
    }
    return "\n\n".join([*parts, "--", foot]) + "\n"


def body_of(lines: Sequence[Line], form: str) -> bytes:
    """Return the JSON that a webhook of this form expects (`AlertSettings.Form`)."""
    shown: Any
    if form == AlertSettings.Form.SLACK:
        shown = {"text": "\n".join(_slack(line) for line in lines[:MOST]) + _more(lines)}
    elif form == AlertSettings.Form.TEAMS:
        shown = _teams(lines)
    else:
        shown = {"source": "manifold", "alerts": [_plain(line) for line in lines[:MOST]], "count": len(lines)}
    return json.dumps(shown, ensure_ascii=False).encode()


def _more(lines: Sequence[Line]) -> str:
    return f"\n{_('And %d more.') % (len(lines) - MOST)}" if len(lines) > MOST else ""


def _plain(line: Line) -> dict[str, Any]:
    return {
        "event": line.event,
        "kind": line.kind,
        "label": kinds.label_of(line.kind),
        "key": line.key,
        "text": line.text,
        "url": line.url,
        "opened_at": line.opened_at.isoformat(),
        "ended_at": line.ended_at.isoformat() if line.ended_at else None,
    }


def _slack(line: Line) -> str:
    """Return one line in Slack's own marks; the three characters that have a meaning in them are escaped."""
    text = line.title.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"{text} <{line.url}|{_('Open')}>"


def _teams(lines: Sequence[Line]) -> dict[str, Any]:
    """Return an adaptive card, which a Teams workflow posts; one block for each alert."""
    blocks: list[dict[str, Any]] = [
        {"type": "TextBlock", "text": _no_marks(line.title), "wrap": True} for line in lines[:MOST]
    ]
    if len(lines) > MOST:
        blocks.append({"type": "TextBlock", "text": _more(lines).strip(), "wrap": True})
    link = lines[0].url if len(lines) == 1 else whole(address(LIST))
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
        "actions": [{"type": "Action.OpenUrl", "title": _("Open in Manifold"), "url": link}],
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _no_marks(text: str) -> str:
    """Return text for a card, which reads Markdown: characters that would begin a link are replaced."""
    return text.replace("[", "(").replace("]", ")")
