"""`{% load oms_lists %}`: the filter bar of a list, drawn as native controls from its filter classes."""

from __future__ import annotations

from django.contrib.admin.views.main import SEARCH_VAR
from django.template import Library
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from oms.kit.admin.changelist import KEPT, ROWS, KeysetChangeList
from oms.kit.admin.filters import ChoiceFilter, ListFilter

register = Library()


@register.filter
def kept_parameters(cl: KeysetChangeList) -> list[tuple[str, str]]:
    """Return the parameters that the filter form contains as hidden inputs: tab, sorting, view."""
    asked = {SEARCH_VAR, ROWS}
    return [(name, cl.params[name]) for name in KEPT if name not in asked and cl.params.get(name)]


@register.simple_tag
def filter_control(spec: ListFilter) -> SafeString:
    """Return a filter as a native control; a `hidden` one is only carried on.

    The name of a select stands in its first option, that of a field in its placeholder; the label is for screen
    readers. A date has no place for its name, so its label is seen.
    """
    name, value, title = spec.parameter_name, spec.value(), str(capfirst(str(spec.title)))
    if spec.kind == "hidden":
        return format_html('<input type="hidden" name="{}" value="{}">', name, value)
    if spec.kind == "select":
        anything = getattr(spec, "all_words", "")
        if anything == ChoiceFilter.all_words:  # "All" does not say of what
            anything = f"{title}: {anything}"
        words = [("", anything), *spec.lookup_choices]
        options = format_html_join(
            "",
            '<option value="{}"{}>{}</option>',
            ((key, SafeString(" selected") if str(key) == value else "", text) for key, text in words),
        )
        return format_html(
            '<label><span class="sr">{}</span><select name="{}">{}</select></label>', title, name, options
        )
    if spec.kind == "flag":
        ticked = SafeString(" checked") if value else ""
        return format_html(
            '<label class="d-row d-flag"><input type="checkbox" name="{}" value="1"{}> {}</label>',
            name,
            ticked,
            title,
        )
    if spec.kind == "text":
        title = format_html('<span class="sr">{}</span>', title)
    return format_html(
        '<label>{}<input type="{}" name="{}" value="{}" size="{}" placeholder="{}"></label>',
        title,
        spec.kind,
        name,
        value,
        spec.size,
        spec.placeholder or capfirst(str(spec.title)),
    )
