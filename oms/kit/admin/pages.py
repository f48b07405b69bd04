"""Own pages in the frame of the admin: title, breadcrumbs, permission, context."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from secrets import token_hex
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib.admin import AdminSite, site
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views import View

from oms.kit.models import UsedForm

Crumb = tuple[Any, str]  # words, address ("" for the current page)
Route = tuple[str, type["Page"], str]  # address under admin/, page, name

_added: list[Route] = []


class Page(View):
    """One page. `permission` is one permission, or several of which one is enough; None: every signed-in person.

    A subclass sets `title` and `template_name`, may override `crumbs()`, and answers with `self.render(**context)`.
    It calls services for every change and has no business rules.
    """

    title: Any = ""
    subtitle: Any = None
    permission: ClassVar[str | Sequence[str] | None] = None
    write_permission: ClassVar[str | Sequence[str] | None] = None
    template_name: str = "oms/page.html"
    admin_site: AdminSite | None = None

    @classmethod
    def allows(cls, user: Any, *, write: bool = False) -> bool:
        """Whether this person may open the page (or, with `write`, change something on it)."""
        wanted = (cls.write_permission or cls.permission) if write else cls.permission
        if wanted is None:
            return bool(user.is_active and user.is_staff)
        names = (wanted,) if isinstance(wanted, str) else wanted
        return any(user.has_perm(name) for name in names)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        is_write = request.method not in {"GET", "HEAD", "OPTIONS"}
        if not self.allows(request.user) or (is_write and not self.allows(request.user, write=True)):
            raise PermissionDenied(_("Your role does not allow this."))
        return super().dispatch(request, *args, **kwargs)

    def crumbs(self) -> Iterable[Crumb]:
        """Return the breadcrumbs from the menu's group down, without the page itself."""
        return ()

    @property
    def may_write(self) -> bool:
        return self.allows(self.request.user, write=True)

    def context(self, **extra: Any) -> dict[str, Any]:
        admin = self.admin_site or site
        self.request.current_app = admin.name
        return {
            **admin.each_context(self.request),
            "title": self.title,
            "subtitle": self.subtitle,
            "crumbs": [*self.crumbs(), (self.title, "")],
            "may_write": self.may_write,
            "page": self,
            **extra,
        }

    def render(self, template: str = "", *, status: int = 200, **extra: Any) -> HttpResponse:
        return TemplateResponse(
            self.request, template or self.template_name, self.context(**extra), status=status
        )

    def confirm(
        self,
        *,
        question: Any,
        button: Any,
        back: str,
        lines: Sequence[Any] = (),
        is_dangerous: bool = False,
        form: Any = None,
        hidden: Sequence[tuple[str, Any]] = (),
        **extra: Any,
    ) -> HttpResponse:
        """Answer with the confirmation of an action: the question, what will happen, one button, a link back.

        The button posts to the same address with `confirmed=1`, the `hidden` pairs and a token (`is_repeated`).
        """
        return self.render(
            "oms/confirm.html",
            question=question,
            button=button,
            back=back,
            lines=lines,
            is_dangerous=is_dangerous,
            form=form,
            hidden=(("token", form_token()), *hidden),
            **extra,
        )


#: How long the token of a form that was carried out is kept.
TOKENS_KEPT = timedelta(days=7)


def form_token() -> str:
    """Return a new token for a form that must act once, however often it is sent."""
    return token_hex(16)


def is_repeated(request: HttpRequest) -> bool:
    """Return whether the posted form (`token`) was carried out before; otherwise record that it is now.

    Call it in the transaction of the change: if that is rolled back, the form can be sent again. A second request at the
    same time waits for the first one. A form without a token is never repeated.
    """
    token = request.POST.get("token", "")[:64]
    return bool(token) and not UsedForm.objects.get_or_create(token=token)[1]


def prune_tokens() -> int:
    """Delete tokens that are older than `TOKENS_KEPT`; return how many."""
    return UsedForm.objects.filter(at__lt=timezone.now() - TOKENS_KEPT).delete()[0]


def add(*pages: Route) -> None:
    """Add pages that belong to no admin class to the site, as (address under `admin/`, page, name).

    Call it where the page is declared, in an app's `admin` package: Django imports that before it builds the addresses.
    Raises ValueError when a name is taken.
    """
    for page in pages:
        if any(name == page[2] for _address, _page, name in _added):
            raise ValueError(f"there is already a page named {page[2]}")
        _added.append(page)


def added() -> list[Route]:
    """Return the pages that the apps added."""
    return list(_added)


def address(name: str, *args: Any, **query: Any) -> str:
    """Return an admin address by name, with a query; "" where this installation has no such page."""
    try:
        url = reverse(f"admin:{name}", args=args)
    except NoReverseMatch:
        return ""
    return f"{url}?{urlencode(query)}" if query else url


def routes(admin: AdminSite, pages: Iterable[Route]) -> list[URLPattern]:
    """Return URL patterns (route, page, name) behind the site's own sign-in check, named in its namespace."""
    return [
        path(route, admin.admin_view(page.as_view(admin_site=admin)), name=name)
        for route, page, name in pages
    ]
