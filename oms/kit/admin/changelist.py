"""The `ChangeList` with keyset pages: the thousandth page of a list is as fast as the first one.

A page starts after a *place* (the sorted value and the key of the last row shown), not at a row number. The place
is not part of `queryset`, so that export, count and "all rows of this list" use every row of the tab and the filters.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from django.contrib.admin.utils import get_fields_from_path
from django.contrib.admin.views.main import ORDER_VAR, SEARCH_VAR, ChangeList
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import F, Field, Q, QuerySet
from django.db.models.expressions import OrderBy
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from django.db.models.lookups import Lookup
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import ngettext

from oms.kit.admin.paging import CappedCount

if TYPE_CHECKING:
    from oms.kit.admin.lists import Tab

AFTER, BEFORE, ROWS, TAB, VIEW, CHOSEN, UNDO = "after", "before", "rows", "tab", "view", "chosen", "undo"
#: Parameters of every list that its links contain.
KEPT = (ORDER_VAR, SEARCH_VAR, ROWS, TAB, VIEW)
#: Parameters of one page or one action; links do not contain them.
MOMENTARY = (AFTER, BEFORE, CHOSEN, UNDO)
SIZES = (50, 100, 200)
MAX_KEY = 2**63 - 1
UNREADABLE = (ValueError, TypeError, ArithmeticError, RecursionError, ValidationError)


class Place(NamedTuple):
    """Where a page starts: the sorted value of a row (None where it has none) and its key."""

    value: Any
    pk: int


def own_columns_beyond(name: str, place: Place, *, downwards: bool) -> Lookup[Any]:
    """Return `(name, id) < (value, pk)`; an index on (name, id) reads it as one range.

    The row comparison is undocumented in Django 5.2 (`tuple_lookups`): it is used in this function only.
    """
    compare = TupleLessThan if downwards else TupleGreaterThan
    return compare(Tuple(F(name), F("pk")), (place.value, place.pk))


def related_column_beyond(name: str, place: Place, *, downwards: bool) -> Q:
    """Return the bound for a column of a related table: no index has both columns; the first part limits the related one.

    SQLite uses it for own columns too: Django would write an OR there that uses no index.
    """
    how = "lt" if downwards else "gt"
    further = Q(**{f"{name}__{how}": place.value}) | Q(**{f"pk__{how}": place.pk})
    return Q(**{f"{name}__{how}e": place.value}) & further


class KeysetChangeList(ChangeList):
    """The list of a `oms.kit.admin.lists.ListAdmin`: tabs, filters, one sorted column, pages by place."""

    model_admin: Any  # a `ListAdmin`
    list_filter: Any
    filter_specs: Any  # `oms.kit.admin.filters.ListFilter`
    sortable_by: Any
    tab: Tab | None = None
    sort: tuple[str, bool]
    next_link = ""
    previous_link = ""

    # --- parameters ---

    @cached_property
    def filter_names(self) -> frozenset[str]:
        """The parameters that this list's filters declare."""
        return frozenset(one.parameter_name for one in self.list_filter)

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        """Return the parameters of the declared filters. Other names are ignored."""
        found: dict[str, Any] = super().get_filters_params(params)
        return {name: value for name, value in found.items() if name in self.filter_names and any(value)}

    def get_query_string(
        self, new_params: Mapping[str, Any] | None = None, remove: Iterable[str] | None = None
    ) -> str:
        """Return "?…" with the current parameters, changed by `new_params` (None or "" removes one), for the first page.

        `remove` has exact names; Django's has prefixes.
        """
        allowed = {*KEPT, *self.filter_names} - set(remove or ())
        params = {name: value for name, value in self.filter_params.items() if name in allowed and any(value)}
        for name, value in (new_params or {}).items():
            params.pop(name, None)
            if value not in (None, ""):
                params[name] = [value]
        return "?" + urlencode(sorted(params.items()), doseq=True)

    # --- rows ---

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """Return every row of the tab, the filters and the search, in order."""
        admin = self.model_admin
        self.tab = admin.get_tab(request)
        self.root_queryset = admin.in_tab(admin.get_queryset(request), self.tab)
        return super().get_queryset(request, exclude_parameters)

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """Return one column and the key, both in one direction: an index on (column, id) sorts so both ways."""
        self.sort = self._asked_sort(request)
        return self._order(backwards=False, with_nulls=True)

    def _asked_sort(self, request: HttpRequest) -> tuple[str, bool]:
        """Return the sorted column and whether it descends. `o` is a column's name, not Django's number of a column."""
        asked = self.params.get(ORDER_VAR, "")
        column = asked.removeprefix("-")
        if column in self.sortable_by and column in self.model_admin.every_column():
            return str(self.get_ordering_field(column)).removeprefix("-"), asked.startswith("-")
        default = self.model_admin.get_default_sort(request, self.tab)
        return default.removeprefix("-"), default.startswith("-")

    def get_ordering_field_columns(self) -> dict[int, str]:  # type: ignore[override]
        """Return the sorted column in the form of Django's templates: index -> "asc" or "desc"."""
        name, descending = self.sort
        for index, column in enumerate(self.list_display):
            if column != "action_checkbox" and self.get_ordering_field(column) == name:
                return {index: "desc" if descending else "asc"}
        return {}

    @cached_property
    def _path(self) -> Sequence[Field[Any, Any]]:
        """The fields from this model to the sorted column ("variant__sku_key" has two)."""
        name = self.sort[0]
        return [self.lookup_opts.pk] if self._is_by_key else get_fields_from_path(self.model, name)

    @property
    def _is_by_key(self) -> bool:
        return self.sort[0] in ("pk", self.lookup_opts.pk.name)

    @cached_property
    def _is_nullable(self) -> bool:
        """Whether a row may have no sorted value: the column or a relation to it may be empty."""
        return any(field.null for field in self._path)

    def _order(self, *, backwards: bool, with_nulls: bool) -> list[Any]:
        name, descending = self.sort
        downwards = descending != backwards
        key = "-pk" if downwards else "pk"
        if self._is_by_key:
            return [key]
        if not (with_nulls and self._is_nullable):
            return [("-" if downwards else "") + name, key]
        # Rows without a value are last in both directions.
        return [OrderBy(F(name), descending=downwards, nulls_last=True), key]

    # --- pages ---

    def get_results(self, request: HttpRequest) -> None:
        """Read one page of rows and one row more, to know whether there is a next page."""
        self.per_page = self._asked_rows(request)
        self.list_per_page = self.per_page
        self.paginator = None
        self.can_show_all = self.show_full_result_count = False
        self.full_result_count = None
        self.show_admin_actions = True
        if request.method == "POST":  # an action needs `queryset` and no row of the page
            self.result_list, self.result_count, self.multi_page = [], CappedCount(0), False
            return
        backwards = BEFORE in request.GET and AFTER not in request.GET
        place = self._read_place(request.GET.get(BEFORE if backwards else AFTER, ""))
        backwards = backwards and place is not None
        found = self._fetch(place, backwards, self.per_page + 1)
        more, rows = len(found) > self.per_page, found[: self.per_page]
        if backwards:
            rows.reverse()
        has_next = True if backwards else more
        has_previous = more if backwards else place is not None
        if rows and has_next:
            self.next_link = self._page_link(AFTER, rows[-1])
        if rows and has_previous:
            self.previous_link = self._page_link(BEFORE, rows[0])
        self.multi_page = bool(self.next_link or self.previous_link)
        self.result_list = self.model_admin.with_related(request, rows)
        self.result_count = self._count(request, len(rows))

    @property
    def rows(self) -> list[Any]:
        """The rows of this page."""
        return list(self.result_list)

    @property
    def is_narrowed(self) -> bool:
        """Whether a search or a filter is in use. A hidden filter does not count: the person did not choose it."""
        return bool(self.query) or any(spec.value() for spec in self.filter_specs if spec.kind != "hidden")

    @property
    def has_further_filters(self) -> bool:
        """Whether a filter is under "More filters"."""
        return any(not spec.is_in_view for spec in self.filter_specs)

    @property
    def filters_in_use(self) -> int:
        """How many filters narrow the list; the search is not one of them."""
        return sum(spec.kind != "hidden" and bool(spec.value()) for spec in self.filter_specs)

    @property
    def count_text(self) -> str:
        """The number of rows in words: "74 rows", "50+ rows"."""
        rows = ngettext("%s row", "%s rows", int(self.result_count))
        return rows % str(self.result_count)

    @property
    def is_beyond_first(self) -> bool:
        """Whether a place is in the address: an empty page then means "no more rows", not "no rows"."""
        return AFTER in self.params or BEFORE in self.params

    def _count(self, request: HttpRequest, shown: int) -> CappedCount:
        """Return the number of rows where it is known without counting; else "50+", and the page requests `count/`."""
        if not self.multi_page:
            return CappedCount(shown)
        known: CappedCount | None = self.model_admin.known_count(request, self)
        return known if known is not None else CappedCount(shown + 1, shown)

    def _asked_rows(self, request: HttpRequest) -> int:
        asked = request.GET.get(ROWS, "")
        allowed = {str(size): size for size in SIZES}
        return allowed.get(asked) or int(self.model_admin.list_per_page)

    def _fetch(self, place: Place | None, backwards: bool, wanted: int) -> list[Any]:
        """Return `wanted` rows after `place`: first those with a value, then those without (reversed when backwards)."""
        parts = [False, True] if self._is_nullable else [False]  # whether this part has no value
        if backwards:
            parts.reverse()
        if place is not None:
            parts = parts[parts.index(self._is_nullable and place.value is None) :]
        found: list[Any] = []
        for is_empty in parts:
            rows = self.queryset.order_by(*self._order(backwards=backwards, with_nulls=False))
            if self._is_nullable:
                rows = rows.filter(**{f"{self.sort[0]}__isnull": is_empty})
            if place is not None and is_empty == (place.value is None):
                rows = rows.filter(self._beyond(place, backwards))
            found += rows[: wanted - len(found)]
            if len(found) >= wanted:
                break
        return found

    def _beyond(self, place: Place, backwards: bool) -> Any:
        name, descending = self.sort
        downwards = descending != backwards
        if self._is_by_key or place.value is None:
            return Q(**{f"pk__{'lt' if downwards else 'gt'}": place.pk})
        if "__" in name or not connection.features.supports_tuple_lookups:
            return related_column_beyond(name, place, downwards=downwards)
        return own_columns_beyond(name, place, downwards=downwards)

    def _read_place(self, text: str) -> Place | None:
        """Return the place in an address; None (the first page) for text that no link of the list contains."""
        field = self._path[-1]
        try:
            value, pk = json.loads(text)
            if type(pk) is not int or not 0 <= pk <= MAX_KEY or "\\u0000" in text:
                return None
            if value is not None:
                if not isinstance(value, str):
                    return None
                value = field.to_python(value)
                field.run_validators(value)
                str(value).encode()
        except UNREADABLE:
            return None
        return None if value is None and not self._is_nullable else Place(value, pk)

    def _page_link(self, side: str, row: Any) -> str:
        value = row
        for part in self.sort[0].split("__"):
            value = getattr(value, part, None)
        return self.get_query_string({side: json.dumps([None if value is None else str(value), row.pk])})
