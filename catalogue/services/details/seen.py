"""Two people who edit one product: what one of them changed after the other opened the page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Model
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from catalogue.errors import CatalogueError
from catalogue.models import Product
from oms.kit.admin.badges import instant_text
from oms.kit.authors import audit

#: Details of a product whose form is checked.
DETAILS = ("title", "description", "brand", "warranty", "tags")
_LOOKED_AT = 50  # latest entries of the audit log that are searched for the change


class ProductChanged(CatalogueError):
    """Details have other values than the person saw; `fields` are their names. Nothing was saved."""

    def __init__(self, sentence: str, fields: tuple[str, ...]) -> None:
        super().__init__(sentence)
        self.fields = fields


def mark(value: Any) -> str:
    """Return a short mark of a value: equal values have the same one. Line ends of browsers do not count."""
    text = (
        value.replace("\r\n", "\n").strip() if isinstance(value, str) else json.dumps(value, sort_keys=True)
    )
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def details_of(product: Product) -> dict[str, Any]:
    """Return the details of a product as its form shows them."""
    return {
        "title": product.title,
        "description": product.description,
        "brand": product.brand.name if product.brand else "",
        "warranty": product.warranty,
        "tags": ", ".join(product.tags),
    }


def marks_of(product: Product) -> dict[str, str]:
    """Return the marks that the form of the details carries."""
    return {name: mark(value) for name, value in details_of(product).items()}


def edited(values: Mapping[str, Any], seen: Mapping[str, str]) -> dict[str, Any]:
    """Return the values that the person changed: those that are not what the form showed. Without marks, all."""
    return {name: value for name, value in values.items() if name not in seen or mark(value) != seen[name]}


def check(product: Product, names: Iterable[str], seen: Mapping[str, str]) -> None:
    """Raise `ProductChanged` when one of these details is not what the person saw; `product` is locked.

    The sentence says who changed what and when, with the present value.
    """
    now = details_of(product)
    changed = tuple(name for name in names if name in seen and mark(now[name]) != seen[name])
    if not changed:
        return
    words = [
        _("%(field)s is “%(value)s” now (%(by)s).")
        % {
            "field": field_words(product, name),
            "value": _short(str(now[name])) or "–",
            "by": changed_by(product, name),
        }
        for name in changed
    ]
    told = _("Somebody else changed this product while you edited it, so nothing was saved. %s") % " ".join(
        words
    )
    advice = _("Your text is still in the form: save again to use it.")
    raise ProductChanged(f"{told} {advice}", changed)


def changed_by(row: Model, name: str) -> str:
    """Return who changed a field of a row last, and when: "Ann, today 15:02"; a general word when the log has no entry."""
    for entry in audit.entries_about(row)[:_LOOKED_AT]:
        if any(change[0] == name for change in entry.changes):
            return f"{audit.who(entry)}, {instant_text(entry.at)}"
    return _("by an import or by somebody else")


def field_words(row: Model, name: str) -> str:
    """Return the name of a field as a sentence begins with it."""
    return str(capfirst(str(row._meta.get_field(name).verbose_name)))  # type: ignore[union-attr]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:80]}…"
