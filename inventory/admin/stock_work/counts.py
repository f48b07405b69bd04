"""Stock counts: the list, the form for a new one, and the page where it is counted and approved."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, F, Q
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from inventory import parsing
from inventory.admin.filters import WarehouseFilter
from inventory.admin.stock_work.documents import (
    CHANGE,
    COLOURS,
    DocumentAdmin,
    DocumentPage,
    NewDocument,
    tabs_of,
    units_of,
)
from inventory.errors import StockError
from inventory.models import StockCount, StockCountLine, Warehouse
from inventory.services.stock_work import count_files, count_scopes, counts
from oms.kit.admin.export.files import table_file
from oms.kit.admin.pages import form_token
from oms.kit.admin.rows import cell
from oms.kit.authors.actors import person
from oms.kit.authors.audit import history_of
from oms.kit.imports import files
from oms.kit.numbers import whole_number

APPROVE = "inventory.approve_stockcount"
SHOWN = 200


class CountForm(forms.Form):
    """What a person chooses for a count."""

    warehouse = forms.ModelChoiceField(
        label=_("Warehouse"), queryset=Warehouse.objects.filter(is_active=True)
    )
    scope = forms.ChoiceField(
        label=_("SKUs"),
        choices=(
            (count_scopes.WHOLE, _("Whole warehouse")),
            ("A", _("Class A: the most shipped")),
            ("B", _("Class B")),
            ("C", _("Class C: seldom or not shipped")),
            (count_scopes.CHOSEN, _("Chosen SKUs")),
        ),
        help_text=_("Classes are made of the units that the warehouse shipped in 90 days."),
    )
    skus = forms.CharField(
        label=_("Chosen SKUs, one a line"),
        max_length=400_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 5}),
    )
    is_blind = forms.BooleanField(
        label=_("Blind: do not show the units on hand to whoever counts"), required=False
    )
    note = forms.CharField(
        label=_("Note"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )


class NewCount(NewDocument):
    """Start a count."""

    title = _("New count")
    list_title = _("Counts")
    model = StockCount
    form_class = CountForm
    button = _("Start count")

    def make(self, request: HttpRequest, entered: dict[str, Any]) -> StockCount:
        return counts.start(**entered, by=person(request.user))


class TimeForm(forms.Form):
    """When a sheet was counted."""

    at = forms.DateTimeField(
        label=_("Counted at"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
    )

    @classmethod
    def of(cls, request: HttpRequest) -> Any:
        """Return the time of the request, None without one. Raises `StockError` for anything else."""
        form = cls(request.POST)
        if not form.is_valid():
            raise StockError(gettext("Enter the time as a date and a time."))
        return form.cleaned_data["at"]


class CountPage(DocumentPage):
    """One count: enter, scan or upload what was counted; finish; approve the differences."""

    permission = "inventory.view_stockcount"
    write_permission: ClassVar[Any] = (CHANGE, APPROVE)
    template_name = "inventory/stock_work/count.html"
    model = StockCount
    list_title = _("Counts")
    acts: ClassVar[dict[str, str]] = {
        **dict.fromkeys(("enter", "scan", "file", "submit", "cancel"), CHANGE),
        **dict.fromkeys(("again", "approve"), APPROVE),
    }

    def get(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        rows = StockCount.objects.select_related("warehouse", "author")
        found = get_object_or_404(rows, pk=pk)
        if request.GET.get("file"):
            return table_file(f"count-{found.number}", count_files.headings(found), count_files.rows(found))
        self.title = gettext("Count %s") % found
        may_approve = request.user.has_perm(APPROVE)
        sees_figures = not found.is_blind or may_approve or not found.is_open
        lines = found.lines.select_related("variant__product").order_by("variant__sku_key")
        term = request.GET.get("q", "").strip()[:255].replace("\x00", "")
        show = request.GET.get("show", "")
        if term:
            lines = lines.filter(Q(variant__sku_key__startswith=term.lower()) | Q(variant__barcode=term))
        if show == "differing" and sees_figures:
            lines = lines.filter(counted__isnull=False).exclude(counted=F("on_hand"))
        elif show == "missing":
            lines = lines.filter(counted=None)
        shown = list(lines[: SHOWN + 1])
        figures = found.lines.aggregate(
            every=Count("pk"),
            done=Count("counted"),
            differing=Count("pk", filter=Q(counted__isnull=False) & ~Q(counted=F("on_hand"))),
        )
        return self.render(
            found=found,
            colour=COLOURS[found.state],
            lines=shown[:SHOWN],
            is_cut=len(shown) > SHOWN,
            shown=SHOWN,
            term=term,
            show=show,
            figures=figures,
            sees_figures=sees_figures,
            may_count=request.user.has_perm(CHANGE),
            may_approve=may_approve,
            is_waiting=found.state == StockCount.State.COUNTED,
            events=history_of(found),
            form_token=form_token(),
        )

    def do_enter(self, request: HttpRequest, pk: int) -> str:
        counted: dict[int, int | None] = {}
        for name, text in request.POST.items():
            key = whole_number(name.removeprefix("units-")) if name.startswith("units-") else None
            if key is not None:
                counted[key] = parsing.whole(text) if str(text).strip() else None
        changed = counts.enter(count_id=pk, counted=counted, at=TimeForm.of(request), by=person(request.user))
        return gettext("Saved: %d lines changed.") % changed

    def do_scan(self, request: HttpRequest, pk: int) -> str:
        line = counts.scan(
            count_id=pk,
            code=request.POST.get("code", "").replace("\x00", ""),
            units=units_of(request, "units"),
            by=person(request.user),
        )
        if line.counted is None:
            sku = line.variant.sku
            messages.warning(
                request,
                gettext("%s was moved while it was counted. Count it again from the first unit.") % sku,
            )
            return ""
        return gettext("%(sku)s: %(units)d counted.") % {"sku": line.variant.sku, "units": line.counted}

    def do_file(self, request: HttpRequest, pk: int) -> str:
        sent = request.FILES.get("file")
        if sent is None:
            raise StockError(gettext("Choose the file."))
        try:
            stored = files.store(sent.chunks(), sent.name or "count.xlsx")
        except files.TooLarge:
            raise StockError(gettext("The file is too large.")) from None
        path = files.path_of(stored.name)
        try:
            changed = count_files.enter_file(
                count_id=pk, path=path, at=TimeForm.of(request), by=person(request.user)
            )
        finally:
            path.unlink(missing_ok=True)
        return gettext("Saved: %d lines changed.") % changed

    def do_submit(self, request: HttpRequest, pk: int) -> str:
        counts.submit(count_id=pk, by=person(request.user))
        return gettext("The count waits for approval.")

    def do_cancel(self, request: HttpRequest, pk: int) -> str:
        counts.cancel(count_id=pk, by=person(request.user))
        return gettext("Count cancelled. Nothing was changed.")

    def do_again(self, request: HttpRequest, pk: int) -> str:
        keys = [key for one in request.POST.getlist("line") if (key := whole_number(one)) is not None]
        changed = counts.count_again(count_id=pk, line_ids=keys, by=person(request.user))
        return gettext("%d lines are to be counted again.") % changed

    def do_approve(self, request: HttpRequest, pk: int) -> str:
        differing = counts.approve(count_id=pk, by=person(request.user))
        return gettext("Approved: %d differences were applied.") % differing


class CountWarehouse(WarehouseFilter):
    field = "warehouse_id"


@admin.register(StockCount)
class StockCountAdmin(DocumentAdmin):
    """Counts, newest first."""

    title = _("Counts")
    object_page = CountPage
    tabs = tabs_of(StockCount.State)
    open_states = (StockCount.State.OPEN, StockCount.State.COUNTED)
    new_page, new_name, new_words = NewCount, "count_new", _("New count")
    empty_title = _("No counts.")
    empty_words = _("Start a count of a warehouse, of an ABC class, or of a few SKUs.")
    list_display = ("document", "state", "warehouse", "scope", "blind", "progress", "created", "who")
    list_select_related: ClassVar[Any] = ("warehouse",)
    list_filter: ClassVar[Any] = (CountWarehouse,)

    def with_related(self, request: HttpRequest, rows: list[Any]) -> list[Any]:
        sums = StockCountLine.objects.filter(of__in=rows).order_by().values("of")
        found = {row["of"]: row for row in sums.annotate(every=Count("pk"), done=Count("counted"))}
        for row in rows:
            figures = found.get(row.pk, {"every": 0, "done": 0})
            row.every, row.done = figures["every"], figures["done"]
        return rows

    @cell(description=_("warehouse"))
    def warehouse(self, row: StockCount) -> str:
        return row.warehouse.name

    @cell(description=_("SKUs"))
    def scope(self, row: StockCount) -> str:
        return row.scope

    @cell(description=_("blind"))
    def blind(self, row: StockCount) -> str:
        return gettext("Yes") if row.is_blind else gettext("No")

    @cell("num", description=_("counted / SKUs"))
    def progress(self, row: Any) -> str:
        return f"{row.done:,} / {row.every:,}"
