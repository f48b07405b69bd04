"""The page that maps the columns of a file to fields, with sample values and guesses; saved for the same headings."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext

from oms.kit.actors import person
from oms.kit.imports import columns, services
from oms.kit.imports.admin.base import ADD, OneImportPage
from oms.kit.imports.admin.start import number_of
from oms.kit.sheets.records import SheetError


class ColumnsPage(OneImportPage):
    """Each column with three sample values and the field that it means."""

    permission = ADD
    is_for_importers = True
    template_name = "oms/imports/columns.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._show(request.GET.get("sheet", ""), number_of(request.GET.get("header_row", "")))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        sheet, header_row = request.POST.get("sheet", ""), number_of(request.POST.get("header_row", ""))
        try:
            table = columns.table_of(self.sheet_import, self.kind, sheet=sheet, header_row=header_row)
        except SheetError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(self.url)
        chosen = {one.key: request.POST.get(f"column-{one.number}", "") for one in table.columns}
        by = person(request.user)
        try:
            services.set_mapping(
                self.sheet_import,
                chosen,
                by=by,
                sheet=table.sheet,
                header_row=table.header_row,
                headings=[one.heading for one in table.columns],
                save_as=request.POST.get("save_as", ""),
            )
            services.check(self.sheet_import, by=by)
        except services.ImportRefused as error:
            return self._show(sheet, header_row, error=str(error), chosen=chosen)
        return HttpResponseRedirect(self.url)

    def _show(
        self, sheet: str, header_row: int | None, *, error: str = "", chosen: dict[str, str] | None = None
    ) -> HttpResponse:
        try:
            table = columns.table_of(self.sheet_import, self.kind, sheet=sheet, header_row=header_row)
        except SheetError as wrong:
            messages.error(self.request, str(wrong))
            return HttpResponseRedirect(self.url)
        if chosen is not None:
            for one in table.columns:
                one.field, one.is_guess = chosen.get(one.key, ""), False
        fields: list[tuple[str, Any]] = [("", gettext("Leave out"))]
        fields += [
            (one.key, f"{one.label} *" if one.required else one.label)
            for one in self.kind.sheet.fields
            if one.key not in self.kind.not_stored
        ]
        self.title = gettext("Columns of %s") % self.sheet_import.file_name
        return self.render(
            table=table,
            fields=fields,
            error=error,
            back=self.url,
            recognised=self.sheet_import.reading.get("recognised_as", ""),
        )
