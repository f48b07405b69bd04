"""The rows of the pattern that no order needs: stock work, exposure, reconciliation, labels and parcels, returns, rules, logs.

They are written straight into their tables, in the numbers of a shop that has worked for some years: for 1,000 orders 600
parcels with three events each, 300 bought labels, 30 returns, 20 open differences and so on. They move no stock.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

RULES = 200
SUPPLIERS = 50


def make_rest(stores: Sequence[Any]) -> None:
    """Make all of them; orders, shipments and stock are there already."""
    stock_work()
    stores_and_logs(stores)
    after_shipping()
    rules()


def stock_work() -> None:
    """Make suppliers, a delivery of ten SKUs, a count of twenty, a transfer of five, and exposures of the last 30 days."""
    from django.utils import timezone

    from catalogue.models import ListingVariant, Variant
    from inventory.models import (
        CostChange,
        Delivery,
        DeliveryLine,
        Exposure,
        StockCount,
        StockCountLine,
        Supplier,
        SupplierSku,
        Transfer,
        TransferLine,
    )
    from tests import factories

    now = timezone.now()
    variants = list(Variant.objects.filter(is_kit=False).order_by("pk"))
    suppliers = Supplier.objects.bulk_create(
        Supplier(name=f"Supplier {number}", lead_days=7 + number % 20) for number in range(SUPPLIERS)
    )
    SupplierSku.objects.bulk_create(
        SupplierSku(variant=one, supplier=suppliers[at % SUPPLIERS], code=f"P-S000{at:03d}")
        for at, one in enumerate(variants[:60])
    )
    leeds, lyon = factories.warehouse("leeds"), factories.warehouse("lyon")
    delivery = Delivery.objects.create(
        supplier=suppliers[0], warehouse=leeds, reference="PO-S000", state="part"
    )
    DeliveryLine.objects.bulk_create(
        DeliveryLine(delivery=delivery, variant=one, quantity=20, received=8, cost=Decimal("4.10"))
        for one in variants[:10]
    )
    count = StockCount.objects.create(
        warehouse=leeds, scope="Shelf S000", state="approved", closed_at=now, approved_by="Ada"
    )
    StockCountLine.objects.bulk_create(
        StockCountLine(of=count, variant=one, counted=40, on_hand=40, counted_at=now, counted_by="Ben")
        for one in variants[:20]
    )
    transfer = Transfer.objects.create(source=leeds, destination=lyon)
    TransferLine.objects.bulk_create(
        TransferLine(transfer=transfer, variant=one, quantity=4) for one in variants[:5]
    )
    CostChange.objects.bulk_create(
        CostChange(variant=one, before=Decimal("4.00"), after=Decimal("4.10")) for one in variants[:20]
    )
    listed = list(ListingVariant.objects.order_by("pk")[:50])
    Exposure.objects.bulk_create(
        Exposure(
            listing_variant=one,
            started_at=now - timedelta(hours=12 * at, seconds=30),
            ended_at=now - timedelta(hours=12 * at),
            seconds=30,
            shown=5,
            available=3,
            overlap=at % 3,
            cause=("limit", "down", "busy")[at % 3],
        )
        for at, one in enumerate(listed)
    )


def stores_and_logs(stores: Sequence[Any]) -> None:
    """Make differences, rejected records, products that wait for a SKU, a recreated one, runs, calls, audit entries, jobs."""
    from django.utils import timezone

    from catalogue.models import Listing
    from channels.models import CallLog, Difference, RejectedRecord, SyncRun, WebhookEvent
    from channels.pull.page_writer import packed
    from oms.kit.models import AuditEntry, Job, Problem

    now = timezone.now()
    Difference.objects.bulk_create(
        Difference(
            connection=stores[at % len(stores)],
            part=("products", "stock", "prices")[at % 3],
            key=f"L000{at:03d}",
            field=("title", "quantity", "price")[at % 3],
            kind=("differs", "missing_here", "missing_there", "lag")[at // 3 % 4],
            name=f"Difference S000{at:03d}",
            ours="12",
            theirs="10",
            closed_at=None if at < 20 else now,
            ended="" if at < 20 else "agrees",
        )
        for at in range(60)
    )
    RejectedRecord.objects.create(
        connection=stores[0],
        stream="products",
        external_id="L000999",
        reason="no title",
        native=packed({"id": 1}),
    )
    Problem.objects.bulk_create(
        Problem(
            code=code,
            subject_kind="connection",
            subject_id=stores[0].pk,
            connection_id=stores[0].pk,
            key=f"L000{code}",
            message="Two products of this store have this SKU.",
            data={"title": "Enamel mug", "sku": "ENA", "external_id": "1", "record": {}},
        )
        for code in ("duplicate_sku", "missing_sku")
    )
    Listing.objects.filter(connection=stores[1], product__title__contains="S000030").update(state="removed")
    SyncRun.objects.bulk_create(
        SyncRun(
            connection=stores[at % len(stores)],
            stream="orders.new",
            state="done",
            pages=1,
            same=4,
            finished_at=now,
        )
        for at in range(40)
    )
    CallLog.objects.bulk_create(
        CallLog(
            connection=stores[at % len(stores)],
            method="GET",
            url=f"/orders?page={at}",
            status=200,
            answer="{}",
        )
        for at in range(100)
    )
    WebhookEvent.objects.bulk_create(
        WebhookEvent(connection=stores[0], event_id=f"A000{at:03d}", topic="order", handled_at=now)
        for at in range(50)
    )
    AuditEntry.objects.bulk_create(
        AuditEntry(
            author_name="Ada", author_kind="person", action="sku.price", subject_kind="catalogue.variant",
            subject_id=at + 1, subject_name=f"S000{at:03d}", changes=[["price", "11", "12"]],
        )
        for at in range(200)
    )  # fmt: skip
    Job.objects.bulk_create(
        Job(kind="channels.pull", title="Sync orders", state="done", total=4, done=4, finished_at=now)
        for _at in range(20)
    )


def after_shipping() -> None:
    """Make labels, parcels and their events, documents, and returns of orders that were shipped."""
    from django.utils import timezone

    from channels.models import Connection
    from orders.models import (
        Carrier,
        CarrierAccount,
        Document,
        LabelPurchase,
        OrderLine,
        Parcel,
        ParcelEvent,
        Return,
        ReturnLine,
        Shipment,
    )

    now = timezone.now()
    place = Connection.objects.create(
        kind="carrier", channel="house", name="Royal Mail account", fingerprint="rm", credentials={}
    )
    account = CarrierAccount.objects.create(connection=place, carrier=Carrier.objects.get(name="Royal Mail"))
    shipped = list(Shipment.objects.filter(handed_over_at__isnull=False).order_by("pk"))
    LabelPurchase.objects.bulk_create(
        LabelPurchase(
            shipment=one, account=account, state="bought", service="TPN", service_name="Tracked 48", grams=400,
            tracking_number=one.tracking_number, cost=Decimal("3.10"), currency="GBP", bought_at=now, ended_at=now,
        )
        for one in shipped[:300]
    )  # fmt: skip
    parcels = [
        Parcel(
            shipment=one,
            account=account,
            state="delivered" if one.delivered_at else "in_transit",
            heard_at=one.delivered_at or now,
        )
        for one in shipped[:600]
    ]
    Parcel.objects.bulk_create(parcels)
    ParcelEvent.objects.bulk_create(
        ParcelEvent(
            parcel=one, code=code, state=code, at=now - timedelta(days=4 - day), text="On its way", place="Leeds", source="Royal Mail"
        )
        for one in parcels
        for day, code in enumerate(("handed_over", "in_transit", "delivered"))
    )  # fmt: skip
    Document.objects.bulk_create(
        Document(
            kind="packing_slip",
            connection_id=one.order.connection_id,
            order=one.order,
            shipment=one,
            prints=1,
        )
        for one in shipped[:300]
    )
    lines = list(
        OrderLine.objects.filter(order__status="completed", parent=None, is_counted=True).order_by("pk")[:30]
    )
    returns = Return.objects.bulk_create(
        Return(
            number=f"RA000{at:03d}", order_id=line.order_id, connection_id=line.order.connection_id,
            state=("requested", "approved", "closed")[at % 3], reason="no_longer", currency="GBP",
        )
        for at, line in enumerate(lines)
    )  # fmt: skip
    ReturnLine.objects.bulk_create(
        ReturnLine(
            of=of,
            line=line,
            variant=line.variant,
            sku=line.sku,
            title=line.title,
            quantity=1,
            amount=line.total,
        )
        for of, line in zip(returns, lines, strict=True)
    )


def rules() -> None:
    """Make automation rules, switched on, and what they did to one order in five."""
    from orders.domain.rules.fields import parse_condition
    from orders.domain.rules.loaded import names_in_use
    from orders.models import Order, OrderRule, RuleApplication

    names = names_in_use()
    made = OrderRule.objects.bulk_create(
        OrderRule(
            name=f"Rule {number}",
            position=number + 1,
            is_active=True,
            conditions=[parse_condition(field, op, value, names) for field, op, value in both],
            actions=[{"kind": "tag", "value": f"t{number % 40}"}],
        )
        for number in range(RULES)
        for both in [
            (("country", "is", "FR"), ("total", "at_least", f"{20 + number} GBP"))
            if number % 2
            else (("units", "at_least", "2"), ("postcode", "starts", "LS"))
        ]
    )
    orders = Order.objects.filter(status="completed").order_by("pk")[:200]
    RuleApplication.objects.bulk_create(
        RuleApplication(
            order=order, rule=made[at % RULES], rule_name="Rule", rule_version=1, event="arrived", effects={"tag": "t1"}
        )
        for at, order in enumerate(orders)
    )  # fmt: skip
