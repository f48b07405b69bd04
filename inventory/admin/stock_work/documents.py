"""What the lists and pages of deliveries, counts and transfers have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import Count, Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from inventory import parsing
from inventory.errors import StockError
from oms.kit.admin.badges import ago, badge, link
from oms.kit.admin.base import dress
from oms.kit.admin.changelist import KeysetChangeList
from oms.kit.admin.lists import Empty, ListAdmin, Tab
from oms.kit.admin.pages import Page, form_token, is_repeated
from oms.kit.admin.rows import cell
from oms.kit.numbers import whole_number

CHANGE = "inventory.change_stockitem"

#: Status of a document -> colour of its badge.
COLOURS: Mapping[str, str] = {
    "expected": "info",
    "part": "warning",
    "open": "info",
    "counted": "warning",
    "draft": "info",
    "transit": "warning",
    "closed": "success",
    "approved": "success",
    "cancelled": "neutral",
}


def tabs_of(states: Any) -> tuple[Tab, ...]:
    """Return a tab for all documents and one for each status."""
    return (
        Tab("all", _("All")),
        *(
            Tab(value, label, lambda rows, value=value: rows.filter(state=value))  # type: ignore[misc]
            for value, label in states.choices
        ),
    )


class DocumentAdmin(ListAdmin):
    """A list of documents, newest first; a button leads to the form for a new one."""

    is_read_only = True
    change_list_template = "inventory/stock_work/list.html"
    search_fields = ("=pk",)
    search_help_text = _("Search a number")
    #: States whose documents are counted on their tabs.
    open_states: ClassVar[tuple[str, ...]] = ()
    new_page: ClassVar[type[Page]]
    new_name: ClassVar[str]
    new_words: ClassVar[Any]
    empty_title: ClassVar[Any]
    empty_words: ClassVar[Any]

    def tab_counts(self, request: HttpRequest) -> dict[str, int]:
        rows = self.model._default_manager.filter(state__in=self.open_states).order_by()
        return dict.fromkeys(self.open_states, 0) | dict(
            rows.values_list("state").annotate(count=Count("pk"))
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find a document by its number, with or without its letter."""
        term = search_term.strip()
        if not term:
            return queryset, False
        letter: str = self.model.letter
        number = whole_number(term[1:] if term[:1].upper() == letter else term)
        return (queryset.filter(pk=number) if number is not None else queryset.none()), False

    def list_context(self, request: HttpRequest, cl: KeysetChangeList) -> dict[str, Any]:
        return {
            "new_url": reverse(f"admin:{self.new_name}"),
            "new_words": self.new_words,
            "may_new": self.new_page.allows(request.user),
        }

    def empty(self, request: HttpRequest, cl: KeysetChangeList) -> Empty:
        if cl.is_narrowed or cl.is_beyond_first:
            return super().empty(request, cl)
        return Empty(self.empty_title, self.empty_words)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.new_page.as_view(admin_site=self.admin_site))
        return [path("new/", view, name=self.new_name), *super().get_urls()]

    @cell("lead", description=_("number"))
    def document(self, row: Any) -> SafeString:
        return link(f"{row.pk}/", row.number)

    @cell("state", description=_("status"))
    def state(self, row: Any) -> SafeString:
        return badge(row.get_state_display(), COLOURS[row.state])

    @cell("nowrap", description=_("created"))
    def created(self, row: Any) -> Any:
        return ago(row.created_at)

    @cell(description=_("by"))
    def who(self, row: Any) -> str:
        return str(row.actor)


class DocumentPage(Page):
    """The page of one document. `acts` is what its forms post as `what`, and the permission for each."""

    write_permission: ClassVar[Any] = CHANGE
    model: ClassVar[type[Model]]
    list_title: ClassVar[Any]
    acts: ClassVar[Mapping[str, str]] = {}

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(self.list_title, reverse(f"admin:{self.name_of('changelist')}"))]

    @classmethod
    def name_of(cls, what: str) -> str:
        return f"{cls.model._meta.app_label}_{cls.model._meta.model_name}_{what}"

    def here(self, pk: int) -> str:
        """Return the address of the page."""
        return reverse(f"admin:{self.name_of('change')}", args=[pk])

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        what = request.POST.get("what", "")
        if what not in self.acts or not self.model._default_manager.filter(pk=pk).exists():
            raise Http404(gettext("This action was not found."))
        here = HttpResponseRedirect(self.here(pk))
        if not request.user.has_perm(self.acts[what]):
            messages.error(request, gettext("Your role does not allow this."))
            return here
        try:
            with transaction.atomic():
                if is_repeated(request):
                    raise StockError(gettext("This was already saved. Nothing was changed again."))
                text = getattr(self, f"do_{what}")(request, pk)
        except StockError as error:
            messages.error(request, str(error))
        else:
            if text:
                messages.success(request, text)
        return here


class NewDocument(Page):
    """The form for a new document; `form_class` reads it, `make` calls the service."""

    permission = CHANGE
    template_name = "inventory/stock_work/new.html"
    form_class: ClassVar[type[forms.Form]]
    model: ClassVar[type[Model]]
    list_title: ClassVar[Any]
    button: ClassVar[Any]

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(self.list_title, self.list_url)]

    @property
    def list_url(self) -> str:
        return reverse(f"admin:inventory_{self.model._meta.model_name}_changelist")

    def initial(self, request: HttpRequest) -> dict[str, Any]:
        """Return what the form begins with."""
        return {}

    def show(self, form: forms.Form) -> HttpResponse:
        return self.render(form=dress(form), form_token=form_token(), back=self.list_url)

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(self.form_class(initial=self.initial(request)))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self.form_class(request.POST)
        if not form.is_valid():
            return self.show(form)
        try:
            with transaction.atomic():
                if is_repeated(request):
                    raise StockError(gettext("This was already saved. Nothing was changed again."))
                made = self.make(request, form.cleaned_data)
        except StockError as error:
            form.add_error(None, str(error))
            return self.show(form)
        messages.success(request, gettext("%s was created.") % made)
        name = f"admin:inventory_{self.model._meta.model_name}_change"
        return HttpResponseRedirect(reverse(name, args=[made.pk]))

    def make(self, request: HttpRequest, entered: dict[str, Any]) -> Model:
        """Call the service with what was entered."""
        raise NotImplementedError


def units_of(request: HttpRequest, name: str) -> int:
    """Return the units of a field, 0 for an empty one. Raises `QuantityError` for anything else than a whole number."""
    text = request.POST.get(name, "").strip()
    return parsing.whole(text) if text else 0
