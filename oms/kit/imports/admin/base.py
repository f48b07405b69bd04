"""What the pages of imports share: permissions, breadcrumbs, the import of the address."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from oms.kit.admin.pages import Crumb, Page
from oms.kit.imports import kinds, services
from oms.kit.imports.kinds import ImportKind
from oms.kit.imports.models import SheetImport

VIEW, ADD, CHANGE = "imports.view_sheetimport", "imports.add_sheetimport", "imports.change_sheetimport"
LIST = "admin:imports_sheetimport_changelist"
TITLE = _("Excel")


class ImportsPage(Page):
    """A page below the list of imports."""

    permission = VIEW

    def crumbs(self) -> Iterable[Crumb]:
        return [(_("Catalogue"), ""), (TITLE, reverse(LIST))]


class OneImportPage(ImportsPage):
    """A page of one import; 404 for people who may not import its kind."""

    sheet_import: SheetImport
    kind: ImportKind

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        rows = SheetImport.objects.select_related("job", "author")
        found = rows.filter(pk=kwargs["pk"]).first()
        if found is None or found.kind not in {one.key for one in kinds.importable(request.user)}:
            raise Http404
        self.kind = kinds.get(found.kind)
        self.sheet_import, self.title = services.settle(found), found.file_name

    @property
    def url(self) -> str:
        return reverse("admin:imports_sheetimport_change", args=[self.sheet_import.pk])
