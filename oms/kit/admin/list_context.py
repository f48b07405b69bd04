"""The context of a list's template: columns, rows, tabs, views, links."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.contrib.admin.views.main import ORDER_VAR
from django.http import HttpRequest
from django.urls import reverse

from oms.kit.admin import actions, saved_views
from oms.kit.admin.changelist import CHOSEN, SIZES, TAB, VIEW, KeysetChangeList
from oms.kit.admin.paging import CAP, CappedCount
from oms.kit.admin.rows import columns_of, label_of, rows_html

if TYPE_CHECKING:
    from oms.kit.admin.lists import ListAdmin


def context_of(model_admin: ListAdmin, request: HttpRequest, cl: KeysetChangeList) -> dict[str, Any]:
    """Return the context of `oms/list.html` in addition to Django's own."""
    columns = columns_of(cl, model_admin.shows(request))
    allowed = model_admin.get_actions(request)
    bar = [
        one
        for one in model_admin.bulk_actions
        if one.name in allowed and model_admin.shows_in_bar(request, one)
    ]
    chosen = set(actions.keys_in(request.GET.get(CHOSEN, "")))
    views = saved_views.views_of(request, model_admin.list_name)
    view = saved_views.view_in_use(request, model_admin.list_name)
    shown = [column.name for column in columns]
    return {
        "page": cl,
        "columns": columns,
        "rows_html": rows_html(model_admin, cl.result_list, columns, may_choose=bool(bar), chosen=chosen),
        "bar": bar,
        "undo": actions.undo_of(model_admin, request),
        "tab_links": tab_links_of(model_admin, request, cl),
        "views": [(one, model_admin.view_link(one)) for one in views if one.name],
        "view": view if view is not None and view.name else None,
        "default_view": saved_views.default_view(request, model_admin.list_name),
        "is_compact": bool(view and view.is_compact),
        "column_choices": [
            (name, label_of(model_admin, name), name in shown)
            for name in [*shown[1:], *(name for name in model_admin.every_column() if name not in shown)]
        ],
        "page_sizes": SIZES,
        "views_url": reverse(f"admin:{model_admin.name_of('views')}"),
        "count_url": reverse(f"admin:{model_admin.name_of('count')}") + cl.get_query_string()
        if cl.multi_page
        else "",
        "export_url": reverse(f"admin:{model_admin.name_of('export')}") + cl.get_query_string()
        if model_admin.has_export_permission(request)
        else "",
        "here": cl.get_query_string(),
        "clear": model_admin.clear_link(cl),
        "empty": None if cl.result_list else model_admin.empty(request, cl),
        "at_most": actions.AT_MOST,
        **model_admin.list_context(request, cl),
    }


def tab_links_of(
    model_admin: ListAdmin, request: HttpRequest, cl: KeysetChangeList
) -> list[tuple[Any, str, bool, str, bool]]:
    """Return (label, address, whether it is current, its count, whether the count is red) for each tab."""
    counts: Mapping[str, int] = getattr(request, "list_tab_counts", {})
    found = []
    for tab in model_admin.tabs:
        is_current, count = tab is cl.tab, counts.get(tab.key)
        if tab.is_rare and not count and not is_current:
            continue
        key = None if tab is model_admin.tabs[0] else tab.key
        link = cl.get_query_string({TAB: key, ORDER_VAR: None, VIEW: None})
        figure = "" if count is None else str(CappedCount(count, CAP))
        found.append(
            (
                tab.label,
                link if link != "?" else f"?{VIEW}=0",
                is_current,
                figure,
                tab.is_flag and bool(count),
            )
        )
    return found
