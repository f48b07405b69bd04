"""Saved views of a list: filters, columns, sorting and density, per person, shareable with the team.

All changes are a POST to `views/` with `do` and its fields:

- `save` (`name`, `query`): save the current list under a name; with `name` "" it is the default view;
- `columns` (`columns`, `is_compact`, `pk`): choose and order columns of an own view, or of the default view;
- `rename` (`pk`, `name`), `share` (`pk`, `is_shared`), `move-left`, `move-right`, `delete` (`pk`);
- `reset`: delete the default view.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _

from oms.kit.admin.changelist import MOMENTARY, VIEW
from oms.kit.models import ListView
from oms.kit.numbers import whole_number

AT_MOST = 40  # own views of one list
LONGEST_NAME = 60


def views_of(request: HttpRequest, list_name: str) -> list[ListView]:
    """Return this person's views of a list and the shared views of others; one statement for each request."""
    cached: dict[str, list[ListView]] = request.__dict__.setdefault("saved_list_views", {})
    if list_name not in cached:
        visible = Q(owner=request.user.pk) | (Q(is_shared=True) & ~Q(name=""))
        cached[list_name] = list(
            ListView.objects.filter(visible, list_name=list_name)
            .select_related("owner")
            .order_by("position", "id")
        )
    return cached[list_name]


def default_view(request: HttpRequest, list_name: str) -> ListView | None:
    """Return this person's default view of a list; None without one."""
    user = request.user.pk
    return next((v for v in views_of(request, list_name) if not v.name and v.owner_id == user), None)


def view_in_use(request: HttpRequest, list_name: str) -> ListView | None:
    """Return the view that this request shows: that of the parameter `view`, else the default one; None for `view=0`."""
    asked = request.GET.get(VIEW, "")
    if asked == "0":
        return None
    found = next((v for v in views_of(request, list_name) if v.name and str(v.pk) == asked), None)
    return found or default_view(request, list_name)


def cleaned_query(text: str, allowed: Iterable[str]) -> str:
    """Return a query string with the parameters in `allowed` only, without page, selection and view."""
    asked = QueryDict(text.removeprefix("?"), mutable=True)
    names = set(allowed) - {*MOMENTARY, VIEW}
    for name in list(asked):
        values = [value for value in asked.getlist(name) if value]
        if name in names and values:
            asked.setlist(name, values)
        else:
            del asked[name]
    return asked.urlencode()[:2000]


class ViewEditor:
    """Changes one person's views of one list; `columns` are the names of the list's columns."""

    def __init__(
        self, request: HttpRequest, list_name: str, columns: Sequence[str], names: Iterable[str]
    ) -> None:
        self.request, self.list_name = request, list_name
        self.columns, self.names = columns, names
        self.own_views = ListView.objects.filter(owner=request.user.pk, list_name=list_name)

    def run(self) -> ListView | None:
        """Make the posted change and add a message; return the view to show afterwards."""
        do: dict[str, Callable[[], ListView | None]] = {
            "save": self._save,
            "columns": self._columns,
            "rename": self._rename,
            "share": self._share,
            "move-left": lambda: self._move(-1),
            "move-right": lambda: self._move(1),
            "delete": self._delete,
            "reset": self._reset,
        }
        change = do.get(self.request.POST.get("do", ""))
        if change is None:
            messages.error(self.request, _("Unknown action. Reload the page and try again."))
            return None
        try:
            with transaction.atomic():
                return change()
        except IntegrityError:
            messages.error(self.request, _("You already have a view with this name."))
            return None

    @property
    def _name(self) -> str:
        return self.request.POST.get("name", "").replace("\x00", "").strip()[:LONGEST_NAME]

    def _own(self) -> ListView | None:
        pk = whole_number(self.request.POST.get("pk", "")) or 0
        found = self.own_views.exclude(name="").filter(pk=pk).first()
        if found is None:
            messages.error(self.request, _("Only the owner of a view can change it."))
        return found

    def _first_look(self) -> dict[str, Any]:
        """Return columns and density of a new view: those of the view in use."""
        pk = self.request.POST.get("pk", "")
        visible = views_of(self.request, self.list_name)
        base = next((v for v in visible if str(v.pk) == pk), None) or default_view(
            self.request, self.list_name
        )
        return {"columns": base.columns, "is_compact": base.is_compact} if base else {"is_compact": True}

    def _save(self) -> ListView | None:
        name, query = self._name, cleaned_query(self.request.POST.get("query", ""), self.names)
        is_new = not self.own_views.filter(name=name).exists()
        if name and is_new and self.own_views.count() >= AT_MOST:
            messages.error(self.request, _("You have %d views of this list. Delete one first.") % AT_MOST)
            return None
        values: dict[str, Any] = {"query": query, **(self._first_look() if is_new else {})}
        if name:
            values["is_shared"] = "is_shared" in self.request.POST
        view, _made = ListView.objects.update_or_create(
            owner_id=self.request.user.pk, list_name=self.list_name, name=name, defaults=values
        )
        words = _("View “%s” saved.") % name if name else _("Default view of this list saved.")
        messages.success(self.request, words)
        return view

    def _columns(self) -> ListView | None:
        pk = self.request.POST.get("pk", "")
        view = self._own() if pk else None
        if pk and view is None:
            return None
        if view is None:
            view, _made = ListView.objects.get_or_create(
                owner_id=self.request.user.pk, list_name=self.list_name, name=""
            )
        asked = list(dict.fromkeys(self.request.POST.getlist("columns")))
        view.columns = [name for name in asked if name in self.columns]
        view.is_compact = "is_compact" in self.request.POST
        view.save(update_fields=["columns", "is_compact"])
        messages.success(self.request, _("Columns saved."))
        return view

    def _rename(self) -> ListView | None:
        view, name = self._own(), self._name
        if view is None or not name:
            return view
        view.name = name
        view.save(update_fields=["name"])
        messages.success(self.request, _("View renamed to “%s”.") % name)
        return view

    def _share(self) -> ListView | None:
        if (view := self._own()) is None:
            return None
        view.is_shared = self.request.POST.get("is_shared") == "1"
        view.save(update_fields=["is_shared"])
        words = _("View “%s” shared with the team.") if view.is_shared else _("View “%s” no longer shared.")
        messages.success(self.request, words % view.name)
        return view

    def _move(self, by: int) -> ListView | None:
        """Move a view by one place to the left (-1) or to the right (1)."""
        if (view := self._own()) is None:
            return None
        row = list(self.own_views.exclude(name="").order_by("position", "id"))
        at = row.index(view)
        to = at + by
        if 0 <= to < len(row):
            row.insert(to, row.pop(at))
            for position, one in enumerate(row):
                one.position = position
            ListView.objects.bulk_update(row, ["position"])
        return view

    def _delete(self) -> ListView | None:
        if (view := self._own()) is None:
            return None
        view.delete()
        messages.success(self.request, _("View “%s” deleted.") % view.name)
        return None

    def _reset(self) -> ListView | None:
        self.own_views.filter(name="").delete()
        messages.success(self.request, _("Default view reset."))
        return None
