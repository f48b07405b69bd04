"""What orders registers with the apps below: sinks, handlers, callbacks, sweeps, jobs, checks."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from catalogue import callbacks as catalogue_hooks
from channels import tasks
from channels.contract.records.orders import FulfilmentEvent
from channels.contract.spec import Lane, Stream
from channels.pull import streams
from channels.push import outbox
from channels.push.topics import Topic
from channels.stores import first_sync, status_map, webhooks
from inventory import callbacks as inventory_hooks
from oms.kit.api import site
from oms.kit.authors import audit
from oms.kit.background import jobs, queue
from oms.kit.search import index
from oms.kit.sheets.formats import registry as sheets
from orders import callbacks, problem_codes
from orders.api import hook_events
from orders.api import orders as orders_api
from orders.api import parcels as parcels_api
from orders.api import wms as wms_api
from orders.documents import printing
from orders.domain import carriers
from orders.inbound import orders, parcels, remap_statuses, vanished
from orders.inbound.wms import recall as wms_recall
from orders.inbound.wms import shipping as wms_shipping
from orders.ops import alert_causes, doctor_checks, reconcile, search_kinds, search_refresh
from orders.ops.reports import rollups
from orders.outbound import fulfilment_handler, wms_handler
from orders.services import completion, moves, problems
from orders.services.handing_over import close_outs
from orders.services.labels import bulk, handlers
from orders.services.stock import backorders, kits, sku_merging, stock_tracking, unpaid_stock
from orders.sheets import merges
from orders.sheets import parcels as parcel_sheets
from orders.sheets.formats import FORMATS
from orders.sheets.imports import orders as order_import
from orders.sheets.imports import tracking as tracking_import
from orders.sheets.orders import ORDERS
from orders.sheets.parcels import PARCELS
from orders.sheets.tracking import TRACKING
from orders.unit_of_work import search_text


def connect() -> None:
    """Register everything; called once, when Django has loaded the apps."""
    problem_codes.declare()
    site.add(orders_api.ORDERS)
    hook_events.declare()
    site.add(parcels_api.PARCELS)
    site.add(wms_api.SHIPMENTS, to=site.wms)
    for stream in (
        Stream.ORDERS_NEW,
        Stream.ORDERS_CHANGED,
        Stream.ORDERS_CANCELLED,
        Stream.ORDERS_HISTORY,
    ):
        streams.register_sink(stream, orders.store_orders)
        streams.register_vanished(stream, vanished.orders_vanished)
        streams.register_finished(stream, vanished.request_unseen)
    first_sync.register_carrier_sink(carriers.import_carrier_list)
    status_map.register_applier(problems.apply_status_map)
    handler = fulfilment_handler.FulfilmentHandler()
    for event in FulfilmentEvent:
        outbox.register_handler(str(event), handler)
    outbox.register_handler(Topic.WMS_SHIPMENT, wms_handler.WmsHandler())
    outbox.register_handler(Topic.CARRIER_LABEL, handlers.LabelHandler())
    outbox.register_handler(Topic.CARRIER_CLOSE_OUT, close_outs.CloseOutHandler())
    outbox.register_handler(Topic.CARRIER_TRACKING, handlers.TrackingHandler())
    webhooks.register_parcel_sink(parcels.have_news)
    inventory_hooks.on_more(callbacks.enqueue_refill_for)
    inventory_hooks.on_short(callbacks.reclaim_stock)
    inventory_hooks.on_wms_ended(wms_recall.end_all)
    inventory_hooks.register_holders(callbacks.allocation_holders)
    inventory_hooks.register_deducted(callbacks.deducted_units)
    inventory_hooks.register_sales(callbacks.own_sales)
    catalogue_hooks.on_mapped(callbacks.enqueue_mapping_for)
    catalogue_hooks.on_kits_made(kits.kits_made)
    catalogue_hooks.register_tracking(stock_tracking.set_stock_tracking)
    audit.declare(
        {
            "store.order_settings": _("Order settings changed"),
            "buyer.blocked": _("Buyer blocked"),
            "buyer.unblocked": _("Buyer no longer blocked"),
            "buyer.exported": _("Personal data exported"),
            "buyer.erased": _("Personal data erased"),
            "store.documents": _("Document settings changed"),
            "store.carrier_map": _("Carrier map changed"),
            "carrier.connected": _("Carrier account connected"),
            "carrier.changed": _("Carrier account changed"),
            "carrier.rules": _("Carrier rules changed"),
            "sku.tracking": _("Stock tracking switched"),
            "return.requested": _("Return requested"),
            "return.approved": _("Return approved"),
            "return.refused": _("Return refused"),
            "return.received": _("Returned goods received"),
            "return.closed": _("Return closed"),
            "order.replayed": _("Document imported again"),
            "sku.merged": _("SKU merged"),
            "sku.unmerged": _("Merge of a SKU undone"),
            "rule.saved": _("Rule saved"),
            "rule.switched": _("Rule switched on or off"),
            "rule.moved": _("Rule moved"),
            "rule.deleted": _("Rule deleted"),
        }
    )
    queue.declare("orders.tasks", "refill", "map_waiting")
    tasks.register_sweep(
        Lane.ORDERS,
        backorders.map_waiting,
        backorders.refill,
        unpaid_stock.release_unpaid,
        completion.complete_due,
        vanished.check_open_orders,
        sku_merging.move_stragglers,
        kits.split_waiting,
        wms_shipping.retry_ready,
        wms_shipping.accept_skipped,
    )
    jobs.register(remap_statuses.KIND, remap_statuses.step)
    jobs.register(moves.JOB, moves.move_batch)
    jobs.register(printing.JOB, printing.step)
    reconcile.register()
    doctor_checks.register_checks()
    sheets.register_kind(merges.MERGES)
    merges.register()
    sheets.register_kind(PARCELS)
    parcel_sheets.register()
    order_import.register()
    tracking_import.register()
    sheets.register_kind(ORDERS)
    sheets.register_kind(TRACKING)
    sheets.register(*FORMATS)
    search_kinds.register()
    index.register(search_text.INDEX)
    catalogue_hooks.on_recoded(search_refresh.variant_recoded)
    jobs.register(search_refresh.JOB, search_refresh.work)
    alert_causes.declare()
    tasks.register_sweep(Lane.DEFAULT, rollups.sweep, parcels.ask_due, parcels.apply_waiting)
    jobs.register(bulk.JOB, bulk.step)
