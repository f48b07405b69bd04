"""Descriptions of products: the HTML that is allowed in them, and what was removed from the rest."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from html.parser import HTMLParser

import nh3
from django.utils.translation import gettext as _

#: Tags that a description keeps. The channels show these; scripts, forms, frames, styles and pictures they refuse or remove.
TAGS = frozenset(
    "a b blockquote br caption code div em h1 h2 h3 h4 h5 h6 hr i li ol p pre s small span strong sub sup table tbody td tfoot "
    "th thead tr u ul".split()
)
#: Attributes by tag that are kept; all others are removed.
ATTRIBUTES = {"a": {"href", "title"}, "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan", "scope"}}
SCHEMES = {"http", "https", "mailto", "tel"}
#: Tags whose content is removed with them.
DROPPED = {"script", "style", "iframe", "object", "noscript", "template", "title", "textarea", "select"}
#: Tags that a browser or a spreadsheet adds around a text; their loss changes nothing that is seen.
_SILENT = frozenset({"html", "head", "body", "tbody"})


#: What a browser may read as the beginning of a tag, also where its end is missing.
_OPENING = re.compile(r"<[a-zA-Z/!?]")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The safe HTML of a description, and what was removed: "<script>", "onclick of <p>", with how often."""

    html: str
    removed: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """Return what was removed as a sentence for staff; "" when nothing was."""
        if not self.removed:
            return ""
        return _("Removed from the description, because stores do not accept it: %s.") % ", ".join(
            self.removed
        )


def safe_html(text: str) -> str:
    """Return the HTML with the allowed tags and attributes only: safe to show on a page, whatever `text` is."""
    return nh3.clean(
        text,
        tags=set(TAGS),
        attributes={tag: set(names) for tag, names in ATTRIBUTES.items()},
        url_schemes=SCHEMES,
        clean_content_tags=DROPPED,
        link_rel="noopener noreferrer nofollow",
    )


def clean(text: str) -> Cleaned:
    """Return the safe part of a description and what was removed. A text without HTML stays as it is."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    reader = _Reader()
    reader.feed(text)
    reader.close()
    if not reader.has_tags and not _OPENING.search(text):
        return Cleaned(text, ())
    words = [
        name if count == 1 else _("%(name)s (%(count)d times)") % {"name": name, "count": count}
        for name, count in reader.removed.items()
    ]
    # Links that we add `rel` to are stored without it: it is added wherever the description is shown.
    kept = nh3.clean(
        text,
        tags=set(TAGS),
        attributes={tag: set(names) for tag, names in ATTRIBUTES.items()},
        url_schemes=SCHEMES,
        clean_content_tags=DROPPED,
        link_rel=None,
    )
    return Cleaned(kept, tuple(words))


class _Reader(HTMLParser):
    """Counts the tags and attributes that are not allowed; nh3 decides what is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.removed: Counter[str] = Counter()
        self.has_tags = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.has_tags = True
        if tag in _SILENT:
            return
        if tag not in TAGS:
            self.removed[f"<{tag}>"] += 1
            return
        for name, value in attrs:
            if name not in ATTRIBUTES.get(tag, ()):
                self.removed[_("%(name)s of <%(tag)s>") % {"name": name, "tag": tag}] += 1
            elif name == "href" and not _is_allowed(value or ""):
                self.removed[_("the address of a link")] += 1

    def handle_comment(self, data: str) -> None:
        self.has_tags = True
        self.removed[_("a comment")] += 1


def _is_allowed(address: str) -> bool:
    scheme, colon, _rest = "".join(address.split()).partition(":")
    return not colon or scheme.lower() in SCHEMES or not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9+.-]*", scheme)
