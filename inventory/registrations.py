"""What inventory registers with the apps below: handlers, callbacks, problem codes, sweeps, checks."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from catalogue import callbacks
from channels import tasks
from channels.contract.spec import Lane
from channels.push import outbox, topics
from channels.stores import first_sync
from channels.stores.health import health_text
from inventory import alert_causes, doctor_checks, first_sync_report, push, stock_changes, stock_figures
from inventory.api import hook_events
from inventory.api import stock as stock_api
from inventory.api import wms as wms_api
from inventory.imports import kinds as import_kinds
from inventory.offers import compute
from inventory.services import exposure, opening_stock, reconcile, stock_differences
from inventory.sheets import FORMATS, STOCK
from oms.kit import problems
from oms.kit.api import site
from oms.kit.authors import audit
from oms.kit.sheets.formats import registry as sheets


def connect() -> None:
    """Register everything; called once, when Django has loaded the apps."""
    outbox.register_handler(topics.Topic.STOCK, push.StockHandler())
    outbox.register_subjects(topics.Topic.STOCK, push.subjects_of, forget=push.forget_sent)
    callbacks.on_imported(opening_stock.on_imported)
    callbacks.on_availability(stock_changes.availability_changed)
    callbacks.register_offered(compute.quantities)
    callbacks.register_stock(stock_figures.units_of, stock_figures.low_variants)
    audit.declare(
        {
            "store.warehouses": _("Warehouses of a store changed"),
            "store.holiday": _("Holiday mode switched"),
            "store.limits": _("Selling limits changed"),
            "wms.connected": _("Warehouse system connected"),
            "wms.changed": _("Warehouse system changed"),
            "wms.warehouses": _("Warehouses of a warehouse system changed"),
            "stock.own_figure_kept": _("Manifold's figure kept"),
            "stock.unusable": _("Unusable units changed"),
            "supplier.skus": _("Supplier of SKUs changed"),
            "delivery.expected": _("Delivery entered"),
            "delivery.received": _("Goods received"),
            "delivery.closed": _("Delivery closed"),
            "delivery.cancelled": _("Delivery cancelled"),
            "count.started": _("Count started"),
            "count.submitted": _("Count finished"),
            "count.again": _("Lines to be counted again"),
            "count.approved": _("Count approved"),
            "count.cancelled": _("Count cancelled"),
            "transfer.planned": _("Transfer entered"),
            "transfer.shipped": _("Transfer shipped"),
            "transfer.received": _("Transfer received"),
            "transfer.cancelled": _("Transfer cancelled"),
        }
    )
    problems.declare(opening_stock.UNCERTAIN)
    tasks.register_sweep(Lane.DEFAULT, stock_differences.sample_all_stores)
    tasks.register_sweep(Lane.DEFAULT, stock_differences.find_all_differences)
    health_text.register_open_work("differences", stock_differences.open_by_store, stock_differences.words)
    tasks.register_sweep(Lane.DEFAULT, exposure.collect, exposure.prune)
    reconcile.register()
    doctor_checks.register_checks()
    alert_causes.declare()
    hook_events.declare()
    import_kinds.register()
    sheets.register_kind(STOCK)
    sheets.register(*FORMATS)
    site.add(stock_api.WAREHOUSES, stock_api.STOCK)
    site.add(wms_api.INVENTORY, wms_api.RECEIPTS, to=site.wms)
    first_sync.register_section("stock", first_sync_report.section)
