"""The list and the page of Manifold's own categories, with their categories in each store."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from catalogue.admin.listing.forms import category_field
from catalogue.errors import CatalogueError
from catalogue.models import CategoryMapping, Product, ProductCategory
from catalogue.services.listing import categories
from channels.contract.spec import Capability
from channels.models import Connection
from oms.kit.admin.badges import link
from oms.kit.admin.base import dress
from oms.kit.admin.changelist import KeysetChangeList
from oms.kit.admin.lists import Empty, ListAdmin
from oms.kit.admin.pages import Page
from oms.kit.admin.rows import cell

SEE, CHANGE = "catalogue.view_productcategory", "catalogue.change_productcategory"
ADD, DELETE = "catalogue.add_productcategory", "catalogue.delete_productcategory"


def stores_with_categories() -> list[Connection]:
    """Return the connected stores whose channel has categories, by name."""
    rows = Connection.objects.stores().exclude(state=Connection.State.DISCONNECTED).order_by("name")
    return [store for store in rows if store.spec.supports(Capability.PULL_CATEGORIES)]


class MappingForm(forms.Form):
    """The name of a category, and its category in each store."""

    name = forms.CharField(label=_("Name"), max_length=120)

    def __init__(
        self, *args: Any, category: ProductCategory, stores: Iterable[Connection], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.stores = list(stores)
        self.initial["name"] = category.name
        own = dict(
            CategoryMapping.objects.filter(category=category).values_list(
                "connection_id", "category_external_ids"
            )
        )
        for store in self.stores:
            field = category_field(store)
            field.label = store.name
            if category.parent_id is not None:
                inherited, of = categories.Mappings(store).of(category.parent_id)
                if inherited:
                    texts = "; ".join(categories.texts_of(store, inherited))
                    name = ProductCategory.objects.get(pk=of or 0).path
                    field.help_text = gettext("Empty: %(there)s, as for %(parent)s.") % {
                        "there": texts,
                        "parent": name,
                    }
            many = store.spec.listing_rules.many_categories
            if many:
                field.widget = forms.Textarea(attrs={"rows": 2})
                field.help_text = f"{field.help_text} {gettext('One per line: a path or a channel ID.')}"
            self.fields[f"store-{store.pk}"] = field
            texts_now = categories.texts_of(store, own.get(store.pk, []))
            self.initial[f"store-{store.pk}"] = "\n".join(texts_now)

    def mappings(self) -> dict[int, list[str]]:
        """Return the channel IDs for each store; a wrong category is an error of its field, and then {} is returned."""
        found: dict[int, list[str]] = {}
        for store in self.stores:
            name = f"store-{store.pk}"
            try:
                found[store.pk] = categories.find_all(store, self.cleaned_data[name])
            except CatalogueError as error:
                self.add_error(name, str(error))
        return {} if self.errors else found


class CategoryPage(Page):
    """One of Manifold's categories: its name, its category in each store, its products and children."""

    permission: ClassVar[Any] = SEE
    write_permission: ClassVar[Any] = (CHANGE, DELETE)
    template_name = "catalogue/listing/category.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Product categories"), reverse("admin:catalogue_productcategory_changelist"))]

    def get(self, request: HttpRequest, pk: int, form: MappingForm | None = None) -> HttpResponse:
        category = get_object_or_404(ProductCategory, pk=pk)
        self.title = category.path
        form = form or MappingForm(category=category, stores=stores_with_categories())
        may_change = request.user.has_perm(CHANGE)
        if not may_change:
            for field in form.fields.values():
                field.disabled = True
        return self.render(
            category=category,
            form=dress(form),
            children=category.children.order_by("path")[:100],
            product_count=Product.objects.filter(category=category).count(),
            may_change=may_change,
            may_delete=request.user.has_perm(DELETE),
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        category = get_object_or_404(ProductCategory, pk=pk)
        if "delete" in request.POST:
            return self.delete(request, category)
        form = MappingForm(request.POST, category=category, stores=stores_with_categories())
        if not request.user.has_perm(CHANGE):
            messages.error(request, gettext("Your role does not allow this."))
            return HttpResponseRedirect(request.path)
        if not form.is_valid() or (form.stores and not form.mappings() and form.errors):
            return self.get(request, pk, form)
        try:
            with transaction.atomic():
                categories.rename(category, form.cleaned_data["name"])
                found = form.mappings()
                for store in form.stores:
                    categories.set_mapping(category, store, found[store.pk])
        except CatalogueError as error:
            form.add_error("name", str(error))
            return self.get(request, pk, form)
        messages.success(request, gettext("Saved. New listings of products in this category begin with it."))
        return HttpResponseRedirect(request.path)

    def delete(self, request: HttpRequest, category: ProductCategory) -> HttpResponse:
        if not request.user.has_perm(DELETE):
            messages.error(request, gettext("Your role does not allow this."))
            return HttpResponseRedirect(request.path)
        try:
            categories.delete(category)
        except CatalogueError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(request.path)
        messages.success(request, gettext("“%s” was deleted.") % category.path)
        return HttpResponseRedirect(reverse("admin:catalogue_productcategory_changelist"))


class NewCategoryForm(forms.Form):
    paths = forms.CharField(
        label=_("Categories"),
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_("One path per line, such as Home > Kitchen > Mugs. Missing parents are created."),
    )


class NewCategories(Page):
    """The form of new categories: one path per line."""

    title: Any = _("New product categories")
    permission: ClassVar[Any] = ADD
    template_name = "catalogue/listing/category_new.html"
    crumbs = CategoryPage.crumbs

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.render(form=dress(NewCategoryForm()))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = NewCategoryForm(request.POST)
        if form.is_valid():
            lines = [line.strip() for line in form.cleaned_data["paths"].splitlines() if line.strip()]
            try:
                with transaction.atomic():
                    for line in lines[:500]:
                        categories.category_at(line)
            except CatalogueError as error:
                form.add_error("paths", str(error))
            else:
                words = ngettext("%d category was saved.", "%d categories were saved.", len(lines[:500]))
                messages.success(request, words % len(lines[:500]))
                return HttpResponseRedirect(reverse("admin:catalogue_productcategory_changelist"))
        return self.render(form=dress(form))


@admin.register(ProductCategory)
class ProductCategoryAdmin(ListAdmin):
    """Manifold's own categories."""

    object_page = CategoryPage
    list_display = ("category", "products", "mapped")
    sortable_by = ("category",)
    default_sort = "path"
    is_search_sortable = True
    search_fields = ("=name",)
    search_help_text = _("Search name")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(ADD)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        for word in search_term.split():
            queryset = queryset.filter(path__icontains=word)
        return queryset, False

    def with_related(self, request: HttpRequest, rows: list[Any]) -> list[Any]:
        """Add the number of products and the stores with a mapping of their own. Two statements."""
        ids = [row.pk for row in rows]
        counted = Product.objects.filter(category__in=ids).order_by().values("category")
        counts = dict(counted.annotate(n=Count("pk")).values_list("category", "n"))
        names: dict[int, list[str]] = {}
        mapped = CategoryMapping.objects.filter(category__in=ids).order_by("connection__name")
        for category, name in mapped.values_list("category_id", "connection__name"):
            names.setdefault(category, []).append(name)
        for row in rows:
            row.product_count, row.mapped_names = counts.get(row.pk, 0), names.get(row.pk, [])
        return rows

    @cell("lead", description=_("category"), ordering="path")
    def category(self, row: Any) -> SafeString:
        return link(reverse("admin:catalogue_productcategory_change", args=[row.pk]), row.path)

    @cell("num", description=_("products"))
    def products(self, row: Any) -> str:
        return f"{row.product_count:,}"

    @cell(description=_("mapped in"))
    def mapped(self, row: Any) -> str:
        return ", ".join(row.mapped_names)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        return NewCategories.as_view(admin_site=self.admin_site)(request)

    def empty(self, request: HttpRequest, cl: KeysetChangeList) -> Empty:
        if cl.is_narrowed or cl.is_beyond_first:
            return super().empty(request, cl)
        return Empty(
            gettext("No product categories yet."),
            gettext("Add your own categories, and map each to a category of every store."),
            reverse("admin:catalogue_productcategory_add") if self.has_add_permission(request) else "",
            gettext("Add categories"),
        )
