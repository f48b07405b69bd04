"""The admin of orders: lists, pages, and cards on pages of the apps below. Django imports this module.

Start with `order_list.list_admin` (the order list) and `order_page.page` (the page of one order); `reports.page` has the reports. A move is a row of
`orders.domain.moves`.
"""

from orders.admin import manifests, message_subjects, panels, shipments
from orders.admin.carriers import accounts, labels, names, parcels
from orders.admin.carriers import list_admin as carriers
from orders.admin.customers import customers
from orders.admin.customers import personal_data as buyers
from orders.admin.documents import order_card, print_jobs, store_page
from orders.admin.order_list import list_admin
from orders.admin.order_page import references, why_waiting
from orders.admin.reports import page
from orders.admin.returns import list_admin as return_list
from orders.admin.returns import panel as return_panel
from orders.admin.rules import list_admin as rule_list
from orders.admin.skus import merging as merge_skus
from orders.admin.skus import unknown as unknown_skus
from orders.admin.station import page as station
from orders.admin.station import scanning, waves
from orders.admin.store import carrier_rules
from orders.admin.store import carriers as store_carriers
from orders.admin.store import settings as store_settings

__all__ = [
    "accounts",
    "buyers",
    "carrier_rules",
    "carriers",
    "customers",
    "labels",
    "list_admin",
    "manifests",
    "merge_skus",
    "message_subjects",
    "names",
    "order_card",
    "page",
    "panels",
    "parcels",
    "print_jobs",
    "references",
    "return_list",
    "return_panel",
    "rule_list",
    "scanning",
    "shipments",
    "station",
    "store_carriers",
    "store_page",
    "store_settings",
    "unknown_skus",
    "waves",
    "why_waiting",
]
