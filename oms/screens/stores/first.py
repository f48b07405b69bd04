"""The first sync: its progress, which survives a reload and may be left, and then its report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from catalogue.first_sync_report import tax_basis
from catalogue.models import Listing, ListingVariant
from channels.contract.records.orders import RemoteState
from channels.models import Connection, RejectedRecord, StatusMapEntry
from channels.pull import streams
from channels.stores import first_sync, services
from inventory.models import StockDifference, WarehouseMapping
from oms.kit.actors import person
from oms.kit.models import Job, Problem
from oms.kit.problems import code_of
from oms.screens.jobs import progress_of, standing
from oms.screens.links import address
from oms.screens.stores.base import CHANGE, StorePage, go
from oms.screens.stores.listings import HINTS, MISSING, OF_PRODUCTS
from oms.screens.stores.tabs import price_differences
from orders.models import CarrierMap, Order

PHASES = ("statuses", "categories", "brands", "attributes", "products", "orders.history", "carriers")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: how many, of what, what it means, where it is put right."""

    count: int
    title: Any
    help: Any
    url: str
    action: Any
    is_wrong: bool = True


def phases_of(job: Job, have: set[str]) -> list[dict[str, Any]]:
    """What the first sync goes through, in its order, each with what came of it."""
    done = job.data.get("phases", {}) or job.result.get("phases", {})
    names = {str(key): value for key, value in streams.TITLES.items()} | {"carriers": _("Carriers")}
    rows = []
    for name in PHASES:
        if name not in have and name not in done:
            continue
        entry = done.get(name)
        is_now = entry is None and job.is_live and job.data.get("phase_name") == name
        rows.append(
            {
                "name": name,
                "title": names[name],
                "entry": entry,
                "is_now": is_now,
                "error": (entry or {}).get("error"),
            }
        )
    return rows


def findings(store: Connection) -> list[Finding]:
    """What the report lists, as it is now: solving one makes its line go away. A fixed number of queries."""
    pk = store.pk
    found = []
    problems = (
        Problem.objects.filter(connection_id=pk, resolved_at=None)
        .order_by()
        .values_list("code", "subject_kind")
    )
    for code, kind, count in problems.annotate(n=Count("pk")).order_by("-n"):
        url = address("orders_order_changelist", tab="problem", store=pk) if kind == "order" else ""
        if kind != "order" or code == "unknown_sku":
            url = address("sku_inbox", store=pk) or url
        if fix := code_of(code).fix:
            url = address(fix.removeprefix("admin:")) or url
        found.append(Finding(count, code_of(code).title, "", url, _("Solve")))
    unknown = StatusMapEntry.objects.filter(connection=store, remote_state=RemoteState.UNKNOWN).count()
    stock = StockDifference.objects.filter(connection=store, decided_at=None).count()
    prices = price_differences(pk).count()
    refused = RejectedRecord.objects.filter(connection=store, resolved_at=None).count()
    carriers = CarrierMap.objects.filter(connection=store).aggregate(
        n=Count("pk"), open=Count("pk", filter=Q(carrier=None))
    )
    data = ListingVariant.objects.filter(connection=store).aggregate(
        **{
            f"in_{key}": Count("listing__product" if key in OF_PRODUCTS else "pk", filter=rows, distinct=True)
            for key, (_words, rows) in MISSING.items()
        }
    )
    others = tax_basis(store)
    listings = address("store_listings", pk)
    differences = address("store_differences", pk)
    lines: tuple[tuple[int, Any, Any, str, Any, bool], ...] = (
        (
            unknown,
            _("Statuses with no meaning yet"),
            _("Orders in them wait as problems."),
            address("store_statuses", pk),
            _("Say what they mean"),
            True,
        ),
        (
            stock,
            _("SKUs whose stock differs"),
            _("Ours stands until you take theirs over."),
            differences,
            _("Decide"),
            True,
        ),
        (
            prices,
            _("SKUs whose price differs"),
            _("Ours is sent by Sync Prices, or with its next change here."),
            differences,
            _("Look"),
            True,
        ),
        (
            refused,
            _("Records refused"),
            _("Each with its reason; they are tried again by themselves."),
            address("store_refused", pk),
            _("Look"),
            True,
        ),
        (
            carriers["open"],
            _("Carriers without one of ours"),
            "",
            address("store_carriers", pk),
            _("Choose"),
            True,
        ),
        (
            len(others),
            _("Stores that keep their prices with another tax basis than this one"),
            ", ".join(others),
            "",
            "",
            True,
        ),
        *(
            (data[f"in_{key}"], words, "", f"{listings}?missing={key}", _("Look"), key not in HINTS)
            for key, (words, _rows) in MISSING.items()
        ),
        (carriers["n"], _("Carriers found"), "", address("store_carriers", pk), _("Look"), False),
    )
    found += [Finding(*line) for line in lines if line[0]]
    return found


class FirstSync(StorePage):
    """Progress while it runs, the report once it is done."""

    title = _("First sync")
    template_name = "oms/stores/first.html"
    write_permission: ClassVar[Any] = CHANGE

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.store.has_wire:
            return go("store", pk)  # nothing is read: a report would only speak of keys and of sending
        job = first_sync.latest(self.store)
        have = {*first_sync.phases_of(self.store), "carriers"}
        if job is not None and job.is_live:
            return self.render(
                job=job,
                phases=phases_of(job, have),
                progress=progress_of(job),
                stands=standing(job, self.store),
            )
        mappings = WarehouseMapping.objects.filter(connection=self.store).select_related("warehouse")
        counts = Listing.objects.filter(connection=self.store).aggregate(
            products=Count("pk", distinct=True), skus=Count("variants", distinct=True)
        )
        return self.render(
            "oms/stores/report.html",
            job=job,
            phases=phases_of(job, have) if job else [],
            findings=findings(self.store),
            counts=counts,
            orders=Order.objects.filter(connection=self.store).count(),
            mappings=mappings,
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        if request.POST.get("do") in ("seen", "plan"):
            services.mark_report_seen(connection=self.store)
            return go("store_plan" if request.POST["do"] == "plan" else "store_warehouses", pk)
        try:
            first_sync.start(connection=self.store, author=person(request.user))
        except LookupError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, _t("The first sync runs again."))
        return go("store_first_sync", pk)
