"""Register the catalogue's sinks, message handlers, problem codes, checks and report section with other apps."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from catalogue import doctor_checks, first_sync_report, search_text
from catalogue.admin import search_kinds
from catalogue.api import products as products_api
from catalogue.api import wms as wms_api
from catalogue.inbound import import_problems, products, reference_data, vanished
from catalogue.pictures import sweep
from catalogue.push import listings, prices, sale_dates
from catalogue.services import listing_state, reconcile
from catalogue.services.listing import bulk as bulk_listing
from catalogue.services.sku_inbox import imports as inbox_imports
from catalogue.services.sku_inbox import recreated, rows
from catalogue.sheets import kits
from catalogue.sheets.formats import all_formats
from catalogue.sheets.imports import kinds as import_kinds
from catalogue.sheets.prices import PRICES
from catalogue.sheets.products import PRODUCTS
from channels import tasks
from channels.contract import used_values
from channels.contract.spec import Capability, Lane, Stream
from channels.pull.streams import register_finished, register_sink, register_vanished
from channels.push import outbox
from channels.push.topics import Topic
from channels.stores import first_sync
from oms.kit import problems
from oms.kit.api import site
from oms.kit.authors import audit
from oms.kit.background import jobs, queue
from oms.kit.search import index
from oms.kit.sheets.formats import registry as sheets


def connect() -> None:
    """Register everything. Called once, when Django has loaded the apps."""
    register_sink(Stream.CATEGORIES, reference_data.store_categories)
    register_sink(Stream.BRANDS, reference_data.store_brands)
    register_sink(Stream.ATTRIBUTES, reference_data.store_attributes)
    register_sink(Stream.PRODUCTS, products.store_products)
    register_vanished(Stream.PRODUCTS, vanished.products_vanished)
    register_finished(Stream.PRODUCTS, vanished.request_unseen)
    used_values.register(used_values.BRANDS, reference_data.brands_in_use)
    used_values.register(used_values.CATEGORIES, reference_data.categories_in_use)
    audit.declare(
        {
            "sku.price": _("Price changed"),
            "store.price_rule": _("Price rule changed"),
            "sku.stopped": _("Sale stopped"),
            "sku.sold_again": _("Sold again"),
            "sku.mapped": _("SKU mapped"),
            "sku.unmapped": _("SKU unmapped"),
            "sku.kit": _("Components of a kit changed"),
            "sku.imported_with": _("Imported with a new SKU"),
            "product.options": _("Options changed"),
            "product.skus_made": _("SKUs made"),
            "product.sku_removed": _("SKU removed"),
            "product.joined": _("SKU joined to a group"),
            "product.released": _("SKU released from its group"),
            "sku.dismissed": _("Dismissed in the SKU inbox"),
            "sku.decision_undone": _("Decision of the SKU inbox undone"),
            "product.archived": _("Product archived"),
            "product.unarchived": _("Product shown again"),
            "listing.listed": _("Listed on a store"),
            "listing.sent_again": _("Listing sent again"),
            "listing.withdrawn": _("Listing withdrawn"),
            "listing.deleted": _("Listing deleted"),
            "listing.state": _("Listing switched"),
            "listing.edited": _("Listing edited"),
            "category.mapped": _("Category mapped"),
            "product.category": _("Category changed"),
        }
    )
    problems.declare(*import_problems.CODES)
    inbox_imports.register()
    reconcile.register()
    rows.register(recreated.Recreated())
    outbox.register_handler(Topic.PRICE, prices.PriceHandler())
    outbox.register_subjects(Topic.PRICE, prices.price_subjects)
    outbox.register_handler(
        Topic.LISTING_CREATE, listings.CreateHandler(), capability=Capability.CREATE_LISTING_SINGLE
    )
    outbox.register_handler(Topic.LISTING_UPDATE, listings.UpdateHandler())
    outbox.register_handler(Topic.LISTING_DELETE, listings.DeleteHandler())
    outbox.register_handler(Topic.LISTING_ACTIVE, listing_state.ActiveHandler())
    jobs.register(bulk_listing.JOB, bulk_listing.work)
    queue.declare("catalogue.tasks", "copy_pictures", "tidy_pictures")
    tasks.register_sweep(Lane.DEFAULT, sweep.tick)
    tasks.register_sweep(Lane.STOCK, sale_dates.tick)
    doctor_checks.register_checks()
    sheets.register_kind(PRODUCTS)
    sheets.register_kind(PRICES)
    sheets.register_kind(kits.KITS)
    sheets.register(*all_formats.FORMATS, *kits.FORMATS)
    site.add(products_api.PRODUCTS, products_api.PRICES)
    site.add(wms_api.PRODUCTS, to=site.wms)
    search_kinds.register()
    import_kinds.register()
    index.register(search_text.VARIANTS)
    index.register(search_text.LISTINGS)
    first_sync.register_section("products", first_sync_report.section)
