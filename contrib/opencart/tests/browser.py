"""A browser small enough for tests: cookies, redirects, forms, uploads. Standard library only."""

from __future__ import annotations

import html.parser
import http.cookiejar
import json
import urllib.error
import urllib.parse
import urllib.request
import uuid
from typing import Any


class ShopError(Exception):
    """The shop answered something else than a person would have expected."""


class Form(html.parser.HTMLParser):
    """Fields of one form as a browser would send them."""

    def __init__(self, form_id: str) -> None:
        super().__init__(convert_charrefs=True)
        self.form_id, self.inside = form_id, False
        self.fields: list[tuple[str, str]] = []
        self._select: str | None = None
        self._options: list[tuple[str, bool]] = []
        self._textarea: str | None = None
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        at = {name: value or "" for name, value in attrs}
        keys = dict(attrs).keys()
        if tag == "form":
            self.inside = at.get("id") == self.form_id
        if not self.inside and at.get("form") != self.form_id:
            return
        name = at.get("name", "")
        if tag == "input" and name:
            kind = at.get("type", "text")
            if kind in {"checkbox", "radio"} and "checked" not in keys:
                return
            if kind not in {"submit", "button", "file", "image"}:
                self.fields.append((name, at.get("value", "on" if kind == "checkbox" else "")))
        elif tag == "select" and name:
            self._select, self._options = name, []
            self._multiple = "multiple" in keys
        elif tag == "option" and self._select:
            self._options.append((at.get("value", ""), "selected" in keys))
        elif tag == "textarea" and name:
            self._textarea, self._text = name, ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        elif tag == "select" and self._select:
            chosen = [value for value, selected in self._options if selected]
            if not self._multiple:
                chosen = chosen[-1:] or [value for value, _ in self._options[:1]]
            self.fields += [(self._select, value) for value in chosen]
            self._select = None
        elif tag == "textarea" and self._textarea is not None:
            self.fields.append((self._textarea, self._text))
            self._textarea = None

    def handle_data(self, data: str) -> None:
        if self._textarea is not None:
            self._text += data


class Browser:
    """Cookies, redirects, forms."""

    def __init__(self, base: str) -> None:
        self.base = base.rstrip("/") + "/"
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))

    def open(
        self, path: str, data: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, str, str]:
        """Status, body and final URL; errors of the 4xx and 5xx kind are answers here, not exceptions."""
        url = path if "://" in path else self.base + path
        body = data if data is None or isinstance(data, bytes) else urllib.parse.urlencode(data).encode()
        request = urllib.request.Request(
            url, data=body, headers={"User-Agent": "oms-connect-lab", **(headers or {})}
        )
        try:
            with self.opener.open(request, timeout=60) as answer:
                return answer.status, answer.read().decode("utf-8", "replace"), answer.url
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode("utf-8", "replace"), error.url

    def json(self, path: str, data: Any = None, headers: dict[str, str] | None = None) -> dict[str, Any]:
        status, body, _ = self.open(path, data, headers)
        try:
            answer = json.loads(body)
        except ValueError:
            raise ShopError(f"{path} answered HTTP {status} without JSON: {body[:300]!r}") from None
        return answer if isinstance(answer, dict) else {"list": answer}


def multipart(name: str, filename: str, content: bytes) -> tuple[bytes, dict[str, str]]:
    edge = uuid.uuid4().hex
    head = f'--{edge}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\nContent-Type: application/zip\r\n\r\n'
    return head.encode() + content + f"\r\n--{edge}--\r\n".encode(), {
        "Content-Type": f"multipart/form-data; boundary={edge}"
    }
