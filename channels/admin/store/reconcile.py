"""The tab Reconcile of a store: what is not the same in the store and in Manifold, by part, with its repairs (R-PLUS-05)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from channels.admin.store.page import StorePage, chosen, go
from channels.contract.spec import Capability
from channels.models import Connection, Difference
from channels.reconcile import differences, parts, repairs, runs
from channels.reconcile.parts import KEEP, Kind, Part
from channels.reconcile.repairs import CannotRepair
from channels.stores.pull_jobs import CannotSync
from oms.kit.admin import panels
from oms.kit.admin.paging import page_of
from oms.kit.authors.actors import person

VIEW = "channels.view_difference"
CHANGE = "channels.change_difference"


@dataclass(frozen=True, slots=True)
class PartLink:
    """One part in the navigation: its title, address, count, and why it cannot be compared ("" where it can)."""

    key: str
    title: Any
    url: str
    count: int
    off: str
    is_current: bool


def navigation(store: Connection, current: str) -> list[PartLink]:
    """Return the parts of a store with the numbers of their open differences."""
    counts = parts.counts(store)
    base = reverse("admin:store_reconcile", args=[store.pk])
    return [
        PartLink(
            part.key,
            part.title,
            reverse(f"admin:{part.page_name}", args=[store.pk])
            if part.page_name
            else f"{base}?part={part.key}",
            counts[part.key],
            part.off(store),
            part.key == current,
        )
        for part in parts.all_parts()
    ]


def open_count(store: Connection) -> int | None:
    """Return how many differences of a store are open, None for none: the figure on its tab."""
    return sum(parts.counts(store).values()) or None


def off(store: Connection) -> str:
    """Return why a store has nothing to compare; "" where it has."""
    if runs.comparable(store):
        return ""
    return store.why_not(Capability.PULL_ORDERS) or store.why_not(Capability.PULL_PRODUCTS)


@panels.tab(
    Connection,
    "reconcile",
    label=_("Reconcile"),
    permission=VIEW,
    count=open_count,
    position=30,
    off=off,
    name="store_reconcile",
)
class Reconcile(StorePage):
    """The open differences of one part, `?part=` and `?kind=`; repaired singly, by ticked rows, all, or by rule."""

    title = _("Reconcile")
    tab = "reconcile"
    permission: ClassVar[Any] = VIEW
    write_permission: ClassVar[Any] = CHANGE
    template_name = "channels/store_reconcile.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        part = self._part(request.GET.get("part", ""))
        if part is None:
            return self.render(nav=navigation(self.store, ""), part=None)
        if part.page_name:
            return go(part.page_name, pk)
        kind = request.GET.get("kind", "")
        kind = kind if kind in Kind.values else ""
        rows = page_of(self._open(part, kind).order_by("kind", "id"), request)
        links = {name: _link(part, row) for row in rows if (name := row.pk)}
        return self.render(
            nav=navigation(self.store, part.key),
            part=part,
            kind=kind,
            kinds=[(value, label) for value, label in Kind.choices],
            rows=rows,
            lines=[(row, links.get(row.pk, ""), part.fields.get(row.field, "")) for row in rows],
            repairs=[(one, one.off(self.store)) for one in part.repairs],
            rules=self._rules(part),
            trend=differences.trend(self.store),
            job=runs.live_jobs(self.store).order_by("-pk").first(),
            off_reason=part.off(self.store),
        )

    def _part(self, key: str) -> Part | None:
        """Return the part that is asked for; without one the first with differences that has its list here."""
        if (found := parts.part_of(key)) is not None:
            return found
        listed = [one for one in parts.all_parts() if not one.page_name]
        return next((one for one in listed if one.count(self.store)), listed[0] if listed else None)

    def _open(self, part: Part, kind: str) -> QuerySet[Difference]:
        rows = Difference.objects.filter(connection=self.store, part=part.key, closed_at=None)
        return rows.filter(kind=kind) if kind else rows

    def _rules(self, part: Part) -> list[dict[str, Any]]:
        """Return for each class of differences that can be repaired the choices of its rule."""
        rules = repairs.rules_of(self.store)
        found = []
        for kind in (Kind.MISSING_HERE, Kind.MISSING_THERE, Kind.DIFFERS):
            usable = [one for one in part.repairs if kind in one.kinds and not one.off(self.store)]
            if usable:
                name = f"{part.key}.{kind}"
                found.append(
                    {"name": name, "label": kind.label, "choices": usable, "chosen": rules.get(name, "")}
                )
        return found

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        part = self._part(request.POST.get("part", ""))
        do, by = request.POST.get("do", ""), person(request.user)
        try:
            if do == "compare":
                runs.ask(connection=self.store, author=request.user)
                messages.success(
                    request, gettext("The comparison has started. It goes on when you leave the page.")
                )
            elif part is None:
                raise CannotRepair(gettext("Choose what to compare."))
            elif do == "rules":
                names = {one["name"] for one in self._rules(part)}
                kept = {k: v for k, v in repairs.rules_of(self.store).items() if k not in names}
                chosen_rules = {name: request.POST.get(name, "") for name in names}
                repairs.set_rules(self.store, {**kept, **chosen_rules}, by=by)
                messages.success(
                    request, gettext("The rules were saved. They act after the next comparison.")
                )
            elif "all" in request.POST:
                repairs.repair_all(self.store, part, do, by=by)
                messages.success(request, gettext("All differences of this part are being repaired."))
            else:
                self._repair(request, part, do)
        except (CannotRepair, CannotSync) as error:
            messages.error(request, str(error))
        query = urlencode({"part": part.key}) if part is not None else ""
        return HttpResponseRedirect(f"{request.path}?{query}")

    def _repair(self, request: HttpRequest, part: Part, how: str) -> None:
        rows = list(self._open(part, "").filter(pk__in=chosen(request)))
        if not rows:
            messages.error(request, gettext("Select at least one difference that is still open."))
            return
        done, refused = repairs.repair(self.store, rows, how, by=person(request.user))
        for sentence in refused[:10]:
            messages.warning(request, sentence)
        if done:
            words = (
                ngettext("%d difference is kept as it is.", "%d differences are kept as they are.", done)
                if how == KEEP
                else ngettext("%d difference is being repaired.", "%d differences are being repaired.", done)
            )
            messages.success(request, words % done)


def _link(part: Part, row: Difference) -> str:
    """Return the page of Manifold's row of a difference; "" for none."""
    name = part.link
    return reverse(f"admin:{name}", args=[row.subject_id]) if name and row.subject_id else ""
