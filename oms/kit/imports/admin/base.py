"""What the pages of imports share: permissions, breadcrumbs, the import of the address."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext
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
    """A page of one import. Who may see imports may look at it; to change it, a person needs the rights of its kind too.

    With `is_for_importers` the page does not exist for others.
    """

    is_for_importers: ClassVar[bool] = False
    sheet_import: SheetImport
    kind: ImportKind

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        rows = SheetImport.objects.select_related("job", "author")
        self.sheet_import = get_object_or_404(rows, pk=kwargs["pk"])
        self.kind, self.title = kinds.get(self.sheet_import.kind), self.sheet_import.file_name

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if self.allows(request.user):
            is_write = request.method not in {"GET", "HEAD", "OPTIONS"}
            if not self.kind.allows(request.user):
                if self.is_for_importers:
                    raise Http404
                if is_write:
                    raise PermissionDenied(gettext("Your role does not allow this."))
            services.settle(self.sheet_import)
        return super().dispatch(request, *args, **kwargs)

    @property
    def url(self) -> str:
        return reverse("admin:imports_sheetimport_change", args=[self.sheet_import.pk])
