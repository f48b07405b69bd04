"""The page with all results, and what the box at the head of every page shows while a person types."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from oms.kit.admin import pages
from oms.kit.admin.pages import Page
from oms.kit.search.kinds import MOST_COUNTED, search
from oms.kit.search.text import MOST_TYPED

IN_BOX, ON_PAGE = 5, 20


def typed_text(request: HttpRequest) -> str:
    """Return what was typed, as far as it is looked at."""
    return request.GET.get("q", "").strip()[:MOST_TYPED].encode("utf-8", "ignore").decode()


class SearchPage(Page):
    """All results on a page; the form in the head leads here without a script."""

    title = _("Search")
    template_name = "oms/search.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        text = typed_text(request)
        groups = search(request.user, text, shown=ON_PAGE)
        return self.render(searched=text, groups=groups, most=MOST_COUNTED)


class SearchBox(Page):
    """The piece of HTML under the box, without the frame of a page."""

    def get(self, request: HttpRequest) -> HttpResponse:
        text = typed_text(request)
        groups = search(request.user, text, shown=IN_BOX)
        shown = sum(len(group.results) for group in groups)
        answer = TemplateResponse(
            request, "oms/parts/search_box.html", {"searched": text, "groups": groups, "shown": shown}
        )
        answer["Cache-Control"] = "no-store"
        return answer


def register() -> None:
    """Add the two pages to the site; the theme has an empty page of its own at the same address."""
    pages.add(("search/", SearchPage, "find"), ("search/results/", SearchBox, "find_results"))
