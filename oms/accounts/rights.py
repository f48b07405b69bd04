"""What a role can allow, in our own words. A role is made of these, and of nothing else.

A right is one line that a person ticks; behind it stand the permissions that the pages and lists ask for. Permissions of
libraries and of internal tables (queue, sign-in log, leases) are in no right, so no role can have them (F-30).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Right:
    """One line of a role: `key` is what forms send, `permissions` are the names that the code asks for."""

    key: str
    label: Any
    permissions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Area:
    """Rights under one heading."""

    title: Any
    rights: tuple[Right, ...]


def _named(app: str, names: str) -> tuple[str, ...]:
    return tuple(f"{app}.{name}" for name in names.split())


AREAS: tuple[Area, ...] = (
    Area(
        _("Orders"),
        (
            Right(
                "see_orders",
                _("See orders, shipments, manifests, returns and carriers"),
                _named(
                    "orders",
                    "view_order view_orderline view_allocation view_shipment view_manifest view_carrier view_hold "
                    "view_orderevent view_note view_document view_return view_returnline view_parcel "
                    "view_orderrule view_ruleapplication",
                ),
            ),
            Right(
                "work_orders",
                _("Release, approve, hold and cancel orders"),
                _named("orders", "change_order work_order add_hold change_hold"),
            ),
            Right(
                "ship_orders",
                _("Pack and ship orders, enter tracking numbers, create manifests"),
                _named("orders", "ship_order add_manifest change_shipment"),
            ),
            Right(
                "buy_labels",
                _("Buy and cancel labels of carriers"),
                _named("orders", "buy_label"),
            ),
            Right(
                "decide_returns",
                _("Request, approve and refuse returns"),
                _named("orders", "decide_return"),
            ),
            Right(
                "receive_returns",
                _("Receive and grade returned goods"),
                _named("orders", "receive_return"),
            ),
            Right("enter_orders", _("Enter orders by hand"), _named("orders", "enter_order")),
            Right(
                "print_documents",
                _("Print pick lists, packing slips, labels and manifests"),
                _named("orders", "print_document"),
            ),
            Right(
                "issue_documents",
                _("Issue and print invoices and credit notes"),
                _named("orders", "issue_document"),
            ),
            Right("write_notes", _("Write internal notes"), _named("orders", "add_note")),
            Right(
                "edit_carriers", _("Add and change carriers"), _named("orders", "add_carrier change_carrier")
            ),
            Right(
                "edit_rules",
                _("Write rules, switch them on and off"),
                _named("orders", "add_orderrule change_orderrule delete_orderrule"),
            ),
            Right("export_orders", _("Export orders"), _named("orders", "export_order")),
            Right("see_reports", _("See reports of sales"), _named("orders", "view_reports")),
            Right("export_reports", _("Export reports of sales"), _named("orders", "export_reports")),
            Right(
                "see_native_orders",
                _("See the channel's own document of an order or a rejected record"),
                (*_named("orders", "view_nativeorder"), *_named("channels", "view_rejecteddocument")),
            ),
            Right(
                "handle_buyers",
                _("Export and erase the personal data of a buyer"),
                _named("orders", "erase_buyer"),
            ),
        ),
    ),
    Area(
        _("Catalogue"),
        (
            Right(
                "see_catalogue",
                _("See products, SKUs and listings"),
                _named(
                    "catalogue",
                    "view_brand view_category view_attribute view_product view_variant view_productimage view_listing "
                    "view_listingvariant view_skualias view_skumerge "
                    "view_productcategory view_categorymapping",
                ),
            ),
            Right(
                "edit_products",
                _("Add and change products, SKUs, prices and pictures"),
                _named(
                    "catalogue",
                    "add_brand change_brand add_product change_product add_variant change_variant add_productimage "
                    "change_productimage delete_productimage add_productcategory change_productcategory "
                    "delete_productcategory add_categorymapping change_categorymapping delete_categorymapping",
                ),
            ),
            Right(
                "edit_listings",
                _("Create, change, activate and delete listings"),
                _named(
                    "catalogue",
                    "add_listing change_listing delete_listing add_listingvariant change_listingvariant",
                ),
            ),
            Right("map_skus", _("Map unknown SKUs"), _named("catalogue", "add_skualias change_skualias")),
            Right("merge_skus", _("Merge SKUs and undo merges"), _named("catalogue", "add_skumerge")),
            Right("unmap_skus", _("Remove SKU mappings"), _named("catalogue", "delete_skualias")),
            Right(
                "import_files",
                _("Import Excel and CSV files of what the role may change, and undo imports"),
                _named("imports", "view_sheetimport add_sheetimport change_sheetimport"),
            ),
            Right(
                "export_catalogue",
                _("Export products, SKUs and listings"),
                _named("catalogue", "export_product export_variant export_listing"),
            ),
        ),
    ),
    Area(
        _("Inventory"),
        (
            Right(
                "see_stock",
                _(
                    "See stock, movements, warehouses, differences, suppliers, deliveries, counts and transfers"
                ),
                (
                    *_named(
                        "inventory",
                        "view_warehouse view_warehousemapping view_stockitem view_stockmovement view_stockpolicy "
                        "view_stockdifference view_supplier view_delivery view_stockcount view_transfer",
                    ),
                    "channels.view_difference",
                ),
            ),
            Right(
                "adjust_stock",
                _("Adjust, receive, count and transfer stock, resolve stock differences"),
                _named("inventory", "add_stockitem change_stockitem"),
            ),
            Right(
                "approve_counts",
                _("Approve the differences of stock counts"),
                _named("inventory", "approve_stockcount"),
            ),
            Right(
                "edit_suppliers",
                _("Add and change suppliers, and choose the supplier of a SKU"),
                _named("inventory", "add_supplier change_supplier"),
            ),
            Right(
                "edit_warehouses",
                _("Add and change warehouses"),
                _named("inventory", "add_warehouse change_warehouse"),
            ),
            Right(
                "export_stock",
                _("Export stock and movements"),
                _named("inventory", "export_stockitem export_stockmovement"),
            ),
        ),
    ),
    Area(
        _("Stores"),
        (
            Right(
                "see_stores",
                _("See stores, messages and rejected records"),
                (
                    *_named(
                        "channels",
                        "view_connection view_syncstream view_syncrun view_rejectedrecord view_outboxmessage "
                        "view_statusmapentry",
                    ),
                    *_named("orders", "view_carriermap view_ordersettings view_documentsettings"),
                ),
            ),
            Right(
                "sync_stores",
                _("Start and cancel syncs, reconcile, retry or skip messages, retry rejected records"),
                (
                    *_named("kit", "add_job change_job"),
                    *_named("channels", "change_outboxmessage change_rejectedrecord change_difference"),
                ),
            ),
            Right(
                "manage_stores",
                _("Connect, pause and disconnect stores, change their settings"),
                (
                    *_named(
                        "channels", "add_connection change_connection change_syncstream change_statusmapentry"
                    ),
                    *_named("orders", "change_carriermap change_ordersettings change_documentsettings"),
                    *_named("inventory", "change_warehousemapping change_stockpolicy"),
                ),
            ),
            Right(
                "see_calls",
                _("See and export the log of calls to channels"),
                _named("channels", "view_calllog export_calllog"),
            ),
        ),
    ),
    Area(
        _("Work"),
        (
            Right(
                "see_work",
                _("See jobs, problems and alerts"),
                (*_named("kit", "view_job view_problem"), "channels.view_alert"),
            ),
            Right("resolve_problems", _("Resolve and dismiss problems"), _named("kit", "change_problem")),
            Right(
                "export_work",
                _("Export jobs, messages and rejected records"),
                ("kit.export_job", *_named("channels", "export_outboxmessage export_rejectedrecord")),
            ),
        ),
    ),
    Area(
        _("Settings"),
        (
            Right(
                "manage_users", _("Add and change users"), _named("auth", "view_user add_user change_user")
            ),
            Right(
                "manage_roles",
                _("Add, change and delete roles"),
                _named("auth", "view_group add_group change_group delete_group"),
            ),
            Right(
                "manage_api_keys",
                _("Create and revoke API keys"),
                _named("api", "view_apikey add_apikey change_apikey"),
            ),
            Right(
                "see_audit",
                _("See and export the audit log"),
                _named("kit", "view_auditentry export_auditentry"),
            ),
        ),
    ),
)


def every_right() -> Iterator[Right]:
    """Return all rights, area by area."""
    for area in AREAS:
        yield from area.rights


def permissions_of(keys: Iterable[str]) -> tuple[str, ...]:
    """Return the permissions behind these rights. Raises KeyError for a key that no right has."""
    by_key = {right.key: right for right in every_right()}
    return tuple(name for key in keys for name in by_key[key].permissions)


def rights_in(permissions: Collection[str]) -> list[Right]:
    """Return the rights of which every permission is among these."""
    return [right for right in every_right() if set(right.permissions) <= set(permissions)]
