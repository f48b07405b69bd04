"""The only module that imports the admin theme (django-unfold), so a change of theme changes this file only.

Pages import from here: `ModelAdmin` and the inlines, `action`, `display`, `Page`, `dress` for the forms of own pages,
and the small pieces of `oms.kit.admin.badges`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from django import forms
from django.contrib import messages
from django.contrib.admin.views.main import PAGE_VAR
from django.core.paginator import InvalidPage
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from unfold import widgets
from unfold.admin import ModelAdmin as ThemeModelAdmin
from unfold.admin import StackedInline as ThemeStackedInline
from unfold.admin import TabularInline as ThemeTabularInline
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    FieldTextFilter,
    RangeDateFilter,
    RangeNumericFilter,
    RelatedDropdownFilter,
)
from unfold.decorators import action as theme_action
from unfold.decorators import display as theme_display
from unfold.forms import AdminPasswordChangeForm, AuthenticationForm, UserChangeForm, UserCreationForm
from unfold.sites import UnfoldAdminSite as AdminSite
from unfold.views import ChangeList as ThemeChangeList

from oms.kit.admin.badges import ago, badge, due, lines, link, money, number, progress, thumb, tracker
from oms.kit.admin.pages import Page, routes
from oms.kit.admin.paging import CAP, CappedPaginator, capped_count
from oms.kit.authors import audit
from oms.kit.authors.audit import history_of
from oms.kit.numbers import is_whole_number

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as _ModelAdmin
    from django.contrib.admin import StackedInline as _StackedInline
    from django.contrib.admin import TabularInline as _TabularInline
else:
    _ModelAdmin, _StackedInline, _TabularInline = ThemeModelAdmin, ThemeStackedInline, ThemeTabularInline

__all__ = [
    "CAP",
    "AdminPasswordChangeForm",
    "AdminSite",
    "AuthenticationForm",
    "AutocompleteSelectFilter",
    "CappedPaginator",
    "ChoicesDropdownFilter",
    "FieldTextFilter",
    "ModelAdmin",
    "Page",
    "RangeDateFilter",
    "RangeNumericFilter",
    "RelatedDropdownFilter",
    "StackedInline",
    "TabularInline",
    "UserChangeForm",
    "UserCreationForm",
    "action",
    "ago",
    "badge",
    "capped_count",
    "display",
    "dress",
    "due",
    "lines",
    "link",
    "money",
    "number",
    "progress",
    "routes",
    "thumb",
    "tracker",
]


AnyForm = TypeVar("AnyForm", bound=forms.BaseForm)


Function = TypeVar("Function", bound=Callable[..., Any])


def display(**options: Any) -> Callable[[Function], Function]:
    """Declare a column: `description`, `ordering`, `boolean`, `empty_value`, `label`, `header` (Django's and the theme's)."""
    decorate: Callable[[Function], Function] = theme_display(**options)
    return decorate


def action(**options: Any) -> Callable[[Function], Function]:
    """Declare an action: `description`, `permissions`, `url_path`, `icon`, `variant` (Django's and the theme's)."""
    return cast("Callable[[Function], Function]", theme_action(**options))


class PageBeyond(Exception):
    """The requested page does not exist; `last` is the last page of the list."""

    def __init__(self, last: int) -> None:
        super().__init__(f"beyond page {last}")
        self.last = last


class ChangeList(ThemeChangeList):
    """The list of an admin class. A page after the last one is a redirect, not an error page."""

    def get_results(self, request: HttpRequest) -> None:
        paginator = self.model_admin.get_paginator(request, self.queryset, self.list_per_page)
        if not self.show_all:
            try:
                paginator.validate_number(self.page_num)
            except InvalidPage as error:
                raise PageBeyond(paginator.num_pages) from error
        request.counted_list = (self.queryset, paginator)  # type: ignore[attr-defined]
        super().get_results(request)


#: Columns that change by themselves.
UNAUDITED = frozenset({"last_login", "date_joined", "key"})


class ModelAdmin(_ModelAdmin):  # type: ignore[type-arg]
    """The base of every admin list and form.

    - rows are counted and paged to 10,000 (`oms.kit.admin.paging`); there is no full count;
    - `search_fields` only as `=field` or `^field` (or an own `get_search_results`), so that an index is used;
    - nothing is deleted unless a class sets `may_delete`; `is_read_only` classes change nothing;
    - name every relation that a column shows in `list_select_related` or `get_queryset`.
    """

    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 0
    list_select_related = True
    list_filter_submit = True
    list_fullwidth = True
    warn_unsaved_form = True
    compressed_fields = True
    show_facets = None  # type: ignore[assignment]
    #: The address under `admin/`, if it is not `<app>/<model>/` ("integrations/jobs/").
    address: ClassVar[str] = ""
    may_delete: ClassVar[bool] = False
    is_read_only: ClassVar[bool] = False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Any]:
        return ChangeList

    def get_paginator(
        self, request: HttpRequest, queryset: Any, per_page: int, *args: Any, **kwargs: Any
    ) -> Any:
        """Return the paginator that `ChangeList` has already used, so that the rows are counted once."""
        rows, paginator = getattr(request, "counted_list", (None, None))
        if rows is not None and rows is queryset:
            return paginator
        return super().get_paginator(request, queryset, per_page, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        try:
            return super().changelist_view(request, extra_context)
        except PageBeyond as beyond:
            messages.warning(
                request,
                _("This list can be paged to page %(last)s. Search or filter to find older rows.")
                % {"last": beyond.last},
            )
            query = request.GET.copy()
            query[PAGE_VAR] = str(beyond.last)
            return HttpResponseRedirect(f"{request.path}?{query.urlencode()}")

    # Every form of Django's writes into the audit log; Django's own log of the admin is not used.

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        audit.record("added", obj)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Record what a form changed; `_audited` has the values from before it was saved (`save_form`)."""
        before: dict[str, Any] = getattr(request, "audited_before", {})
        changes = audit.difference(before, self.audited(obj)) if before else {}
        if not before or changes:
            audit.record("changed", obj, changes)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        audit.record_many("deleted", [(row, {}) for row in queryset])

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return the row of a form; remember its values, so that the audit log shows what the form changed.

        None for a key that no column stores, also where the key is that of another table's row.
        """
        if self.opts.pk.is_relation and from_field is None and not is_whole_number(object_id):
            return None
        found = super().get_object(request, object_id, from_field)
        if found is not None and request.method == "POST":
            request.audited_before = self.audited(found)  # type: ignore[attr-defined]
        return found

    def audited(self, obj: Any) -> dict[str, Any]:
        """Return the values of a row that the audit log shows: its columns, and the names of its related rows."""
        shown = [f.name for f in obj._meta.fields if f.name not in UNAUDITED and not f.primary_key]
        fresh = type(obj)._default_manager.filter(pk=obj.pk).first() or obj
        many = {
            f.name: ", ".join(sorted(map(str, getattr(fresh, f.name).all())))
            for f in obj._meta.many_to_many
            if f.name != "user_permissions"
        }
        return {**audit.snapshot(fresh, shown), **many}

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        """Show what the audit log has about a row."""
        row = super().get_object(request, object_id)
        events = history_of(row) if row is not None else []
        return super().history_view(request, object_id, {**(extra_context or {}), "events": events})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return not self.is_read_only and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not self.is_read_only and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow deletion only for classes that set `may_delete`: other rows have money or stock that depends on them."""
        return self.may_delete and not self.is_read_only and super().has_delete_permission(request, obj)


class TabularInline(_TabularInline):  # type: ignore[type-arg]
    extra = 0
    show_change_link = False
    can_delete = False


class StackedInline(_StackedInline):  # type: ignore[type-arg]
    extra = 0
    can_delete = False


_CLASSES: tuple[tuple[type[forms.Widget], list[str]], ...] = (
    (forms.Textarea, widgets.TEXTAREA_CLASSES),
    (forms.CheckboxSelectMultiple, widgets.CHECKBOX_CLASSES),
    (forms.RadioSelect, widgets.RADIO_CLASSES),
    (forms.CheckboxInput, widgets.CHECKBOX_CLASSES),
    (forms.FileInput, widgets.FILE_CLASSES),
    (forms.Select, widgets.SELECT_CLASSES),
    (forms.widgets.Input, widgets.INPUT_CLASSES),
)


class RowsField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """A choice of several rows. A key that no row can have is a wrong choice like any other; Django's own field fails on it."""

    def clean(self, value: Any) -> Any:
        wrong = [key for key in value or () if not is_whole_number(str(key))]
        if wrong:
            raise forms.ValidationError(
                self.error_messages["invalid_pk_value"],
                code="invalid_pk_value",
                params={"pk": str(wrong[0])[:40]},
            )
        return super().clean(value)


def dress(form: AnyForm) -> AnyForm:
    """Set the theme's CSS classes on a form of an own page; return the same form.

    The widgets are Django's; only their CSS classes, `aria-invalid` and `aria-describedby` are set.
    """
    for name, field in form.fields.items():
        bound = form[name]
        widget = field.widget
        for kind, classes in _CLASSES:
            if isinstance(widget, kind):
                widget.attrs.setdefault("class", " ".join(classes))
                break
        if bound.help_text:
            widget.attrs.setdefault("aria-describedby", f"{bound.auto_id}_helptext")
        if form.is_bound and bound.errors:
            widget.attrs["aria-invalid"] = "true"
    return form
