"""The first page: templates and exports of each kind, and the upload of a file."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from oms.kit.actors import person
from oms.kit.admin.base import dress
from oms.kit.imports import exports, files, kinds, services
from oms.kit.imports.admin.base import ADD, VIEW, ImportsPage
from oms.kit.imports.kinds import ImportKind
from oms.kit.numbers import whole_number

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class FileForm(forms.Form):
    """The file. A form of its own: the theme's script writes its name into a text field beside it (`start.html`)."""

    file = forms.FileField(
        label=_("File"),
        max_length=255,
        widget=forms.FileInput(attrs={"accept": ",".join(files.SUFFIXES), "class": "oms-input"}),
    )

    def clean_file(self) -> Any:
        """Refuse a file that is too large before it is stored."""
        file = self.cleaned_data["file"]
        if file.size > files.MOST_BYTES:
            most = files.MOST_BYTES // 1_000_000
            raise forms.ValidationError(
                gettext("The file is larger than %d MB. Divide it into several files.") % most
            )
        return file


class UploadForm(forms.Form):
    """What a file holds. Fields that a kind asks for are added; they are used where a row names nothing."""

    kind = forms.ChoiceField(label=_("What the file holds"))
    currency = forms.RegexField(
        r"^[A-Za-z]{3}$",
        label=_("Currency of the prices"),
        required=False,
        max_length=3,
        help_text=_("Three letters, for example GBP. A price in another currency is rejected."),
    )
    all_or_nothing = forms.BooleanField(
        label=_("All rows or none: apply nothing when a row is rejected"), required=False
    )

    def __init__(self, choices: list[ImportKind], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = [(one.key, one.label) for one in choices]  # type: ignore[attr-defined]
        self.asked: set[str] = set()
        for kind in choices:
            allowed, labels = kind.allowed_values(), kind.labels()
            for key in kind.asks:
                if len(allowed.get(key, ())) > 1 and key not in self.asked:
                    self._ask(key, labels[key], list(allowed[key]))

    def _ask(self, key: str, label: str, values: list[str]) -> None:
        self.asked.add(key)
        self.fields[key] = forms.ChoiceField(
            label=gettext("%s, where a row names none") % label,
            required=False,
            choices=[("", gettext("No choice")), *((one, one) for one in values)],
        )


class StartPage(ImportsPage):
    """Choose a kind: get its template or an export, or upload a file."""

    title = _("Import a file")
    permission = VIEW
    write_permission = ADD
    template_name = "oms/imports/start.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        mine = kinds.importable(request.user)
        asked = request.GET.get("kind", "")
        initial = {"kind": asked, "currency": mine[0].defaults().get("currency", "") if mine else ""}
        return self._show(UploadForm(mine, initial=initial), FileForm(), mine)

    def post(self, request: HttpRequest) -> HttpResponse:
        mine = kinds.importable(request.user)
        form, file_form = UploadForm(mine, request.POST), FileForm(None, request.FILES)
        if not all([form.is_valid(), file_form.is_valid()]):
            return self._show(form, file_form, mine)
        file = file_form.cleaned_data["file"]
        data = form.cleaned_data
        options = {name: data[name] for name in ("currency", *form.asked) if data.get(name)}
        options["currency"] = options.get("currency", "").upper()
        by = person(request.user)
        try:
            found = services.receive(
                kind=data["kind"],
                parts=file.chunks(),
                file_name=file.name,
                by=by,
                options=options,
                all_or_nothing=data["all_or_nothing"],
            )
            services.check(found, by=by)
        except services.ImportRefused as error:
            file_form.add_error("file", str(error))
            return self._show(form, file_form, mine)
        return HttpResponseRedirect(reverse("admin:imports_sheetimport_change", args=[found.pk]))

    def _show(self, form: UploadForm, file_form: FileForm, mine: list[ImportKind]) -> HttpResponse:
        user = self.request.user
        rows = [
            {
                "kind": one,
                "template": reverse("admin:imports_template", args=[one.key]),
                "export": reverse("admin:imports_export", args=[one.key]),
                "may_export": one.allows_export(user),
            }
            for one in kinds.every()
            if one.allows(user) or one.allows_export(user)
        ]
        return self.render(
            form=dress(form),
            file_form=dress(file_form),
            rows=rows,
            may_import=bool(mine) and self.may_write,
            most=files.MOST_BYTES // 1_000_000,
            days=services.DAYS,
        )


def _kind_of(request: HttpRequest, key: str, *, export: bool) -> ImportKind:
    """Return a kind that this person may export (or import, for its template). Raises `Http404`."""
    try:
        kind = kinds.get(key)
    except LookupError:
        raise Http404 from None
    if not (kind.allows_export(request.user) or (not export and kind.allows(request.user))):
        raise Http404
    return kind


class TemplatePage(ImportsPage):
    """The template of a kind as a file."""

    title = _("Template")

    def get(self, request: HttpRequest, key: str) -> HttpResponseBase:
        kind = _kind_of(request, key, export=False)
        return FileResponse(
            exports.template(kind),
            as_attachment=True,
            filename=f"{kind.key}-template.xlsx",
            content_type=XLSX,
        )


class ExportPage(ImportsPage):
    """All rows of a kind as a workbook, written by a job."""

    title = _("Export")

    def post(self, request: HttpRequest, key: str) -> HttpResponse:
        kind = _kind_of(request, key, export=True)
        job = exports.start(kind, by=person(request.user))
        return HttpResponseRedirect(reverse("admin:imports_export_job", args=[job.pk]))

    def get(self, request: HttpRequest, key: str) -> HttpResponse:
        _kind_of(request, key, export=True)
        return HttpResponseRedirect(reverse("admin:imports_sheetimport_add"))


def number_of(text: str) -> int | None:
    """Return the row number that a person typed; None for none."""
    return whole_number(text.strip(), most=1_000_000) or None
