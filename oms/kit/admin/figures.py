"""A figure that is edited in its cell: POST `<pk>/set/` with `field`, `value`, `was` and optionally `reason`.

`list_editable` is not used: Django compares the posted values with the *current* rows and writes every figure of the
page that differs, so that a unit sold since the page was opened would be available again. Here one figure is posted
together with the value that the person saw, and a service changes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from oms.kit.admin.rows import Show, cells_of
from oms.kit.authors.actors import Author, person

if TYPE_CHECKING:
    from oms.kit.admin.lists import ListAdmin


class FigureChanged(Exception):
    """The figure is not the one that the person saw; `now` is its current value."""

    def __init__(self, now: Any) -> None:
        super().__init__(f"the current value is {now}")
        self.now = now


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one figure: the new `value` (as typed), the value that the person saw (`was`), author and reason."""

    value: str
    was: str
    by: Author
    reason: str


@dataclass(frozen=True, slots=True)
class LastChange:
    """Who changed a figure last, and when."""

    who: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Figure:
    """How a figure of a row is changed.

    `write(row, edit)` calls the service; it raises one of `errors`, whose text the person reads (422). By default the
    row is locked and `read(row)` is compared with the value that the person saw; with `is_checked_by_service` the row
    is not locked here (the service has its own lock order) and `write` raises `FigureChanged`.
    `last_change(row)` returns who changed it last. `reason` is recorded when the person gives none.
    """

    label: Any
    permission: str
    read: Callable[[Any], Any]
    write: Callable[[Any, Edit], Any]
    errors: tuple[type[Exception], ...]
    reason: Any = ""
    is_checked_by_service: bool = False
    last_change: Callable[[Any], LastChange | None] | None = None


def text_of(value: Any) -> str:
    """Return a figure as text, as it is typed and compared; "" for None."""
    return "" if value is None else str(value)


def editable_for(model_admin: ListAdmin, request: HttpRequest) -> dict[str, Figure]:
    """Return the figures that this person may edit in the list."""
    return {name: one for name, one in model_admin.editable.items() if request.user.has_perm(one.permission)}


def as_button(model_admin: ListAdmin, name: str, figure: Figure, show: Show) -> Show:
    """Return a cell function that puts the result of `show` into a button; the script replaces it with a field."""
    start = format_html(
        '<button type="button" class="d-figure" data-edit="{}" data-reason="{}" data-was="',
        name,
        figure.reason,
    )
    edit = _("Edit %(figure)s of %(row)s: %(value)s")

    def shown(row: Any) -> SafeString:
        value = text_of(figure.read(row))
        words = edit % {"figure": figure.label, "row": model_admin.row_name(row), "value": value or "–"}
        return start + format_html('{}" aria-label="{}">{}</button>', value, words, show(row))

    return shown


def set_figure(model_admin: ListAdmin, request: HttpRequest, pk: int) -> JsonResponse:
    """Change one figure. Answers 200 with the row's cells, 409 with the current figure, 422 with the service's error."""
    if request.method != "POST":
        return JsonResponse({"error": _("Use POST to send the figure.")}, status=405)
    asked = _asked(request)
    figure = model_admin.editable.get(asked.get("field", "")) if asked is not None else None
    if asked is None or figure is None or "value" not in asked or "was" not in asked:
        return JsonResponse({"error": _("This figure cannot be edited here.")}, status=400)
    if not model_admin.has_view_permission(request) or not request.user.has_perm(figure.permission):
        return JsonResponse({"error": _("Your role does not allow this.")}, status=403)
    edit = Edit(
        value=asked["value"].strip(),
        was=asked["was"].strip(),
        by=person(request.user),
        reason=asked.get("reason", "").strip()[:200] or str(figure.reason),
    )
    rows = model_admin.get_queryset(request)
    try:
        with transaction.atomic():
            if not figure.is_checked_by_service:
                rows = rows.select_for_update(of=("self",))
            row = rows.filter(pk=pk).first()
            if row is None:
                return JsonResponse({"error": _("This row no longer exists.")}, status=404)
            if not figure.is_checked_by_service and text_of(figure.read(row)) != edit.was:
                raise FigureChanged(figure.read(row))
            figure.write(row, edit)
    except FigureChanged as changed:
        return _changed(figure, row, changed.now)
    except figure.errors as error:
        return JsonResponse({"error": str(error)}, status=422)
    fresh = model_admin.with_related(request, [model_admin.get_queryset(request).get(pk=pk)])[0]
    cells = cells_of(model_admin.shows(request, model_admin.every_column()), fresh)
    return JsonResponse({"value": text_of(figure.read(fresh)), "was": edit.was, "cells": cells})


def _asked(request: HttpRequest) -> dict[str, str] | None:
    """Return the posted JSON object of texts; numbers are read as their text. None for anything else."""
    try:
        asked = json.loads(request.body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(asked, dict):
        return None
    plain = {name: text_of(value) for name, value in asked.items() if not isinstance(value, dict | list)}
    return None if any("\x00" in text for text in plain.values()) else plain


def _changed(figure: Figure, row: Any, now: Any) -> JsonResponse:
    last = figure.last_change(row) if figure.last_change else None
    if last is None:
        words = _("Another person changed this figure. It is now %(now)s.") % {"now": text_of(now) or "–"}
    else:
        words = _("%(who)s changed this to %(now)s at %(time)s.") % {
            "who": last.who,
            "now": text_of(now) or "–",
            "time": f"{timezone.localtime(last.at):%H:%M}",
        }
    return JsonResponse({"error": words, "now": text_of(now)}, status=409)
