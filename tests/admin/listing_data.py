"""Stores of all four channels with their categories, and the form of a listing as a person fills it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

from django.test import Client

from catalogue.inbound.reference_data import brands_by_name, store_attributes, store_categories
from catalogue.models import (
    Listing,
    Product,
)
from channels.contract.records.pages import PullQuery
from channels.models import Budget, Connection, OutboxMessage
from channels.pull import runner
from channels.push import dispatcher
from channels.push.topics import Topic
from channels.sandbox.server import Request, Response, Running
from channels.stores import connect
from oms.kit.models import Job
from tests import factories

#: What is entered for each channel: words of a category, and attributes by name.
ENTERED: dict[str, tuple[str, dict[str, str]]] = {
    "bigcommerce": ("", {"Care": "Wash by hand"}),
    "etsy": ("Kitchen & Dining", {"Primary color": "Moss"}),
    "onbuy": ("Tea & Coffee", {"Colour": "Moss"}),
    "opencart": ("", {}),
}
CHANNELS = sorted(ENTERED)


def connected(running: Running, channel: str, name: str = "") -> Connection:
    """A live store with the channel's categories and (where they do not depend on one) attributes."""
    store = connect.connect(channel=channel, name=name or channel.title(), credentials=running.credentials)
    Job.objects.all().delete()
    Connection.objects.filter(pk=store.pk).update(is_read_only=False)
    Budget.objects.filter(pk=store.pk).update(capacity=10_000, per_second=10_000, tokens=10_000)
    store.refresh_from_db()
    adapter = runner.adapter_of(store)
    run: Any = None
    store_categories(store, adapter.pull_categories(PullQuery()).records, run)
    if channel == "opencart":
        store_attributes(store, adapter.pull_attributes(PullQuery()).records, run)
    return store


def pot(currency: str, **attributes: str) -> Product:
    product = factories.product("POT-1", title="Clay teapot", barcode="", price=25, currency=currency)
    Product.objects.filter(pk=product.pk).update(
        description="<p>Holds a litre.</p>",
        attributes=attributes,
        brand=brands_by_name(["Kiln Street"])["kiln street"],
    )
    return Product.objects.get(pk=product.pk)


def address(product: Product, store: Connection) -> str:
    return f"/admin/catalogue/product/{product.pk}/list/{store.pk}/"


def said(response: Any) -> str:
    found: str = response.content.decode()
    return found.replace("&#x27;", "'").replace("&quot;", '"').replace("&amp;", "&").replace("&gt;", ">")


def saved(owner: Client, product: Product, store: Connection, **more: str) -> Listing:
    """The draft of a product after its form was filled as a person does: the category first, then its attributes."""
    words, attributes = ENTERED[store.channel]
    path = address(product, store)
    shown = owner.get(path)
    assert shown.status_code == 200
    if words:
        shown = owner.post(path, {"category": words, "of_category": ""})
        assert shown.status_code == 200, shown
    form = shown.context["form"]
    data = {name: form.initial.get(name, "") or "" for name in form.fields} | {
        "of_category": shown.context["of_category"]
    }
    if "lines" in form.fields:
        data["lines"] = "\n".join(f"{name}: {value}" for name, value in attributes.items())
    else:
        data |= {form.field_of(f"attribute:{name}"): value for name, value in attributes.items()}
    answer = owner.post(path, {**data, **more})
    assert answer.status_code == 302, said(answer)
    return Listing.objects.get(product=product, connection=store)


def writes_of(running: Running) -> list[tuple[str, str, Any]]:
    """Record what the sandbox is sent from now on: (method, path, body), without reads."""
    found: list[tuple[str, str, Any]] = []
    respond = running.sandbox.respond

    def recorded(request: Request) -> Response:
        if request.method != "GET" and "token" not in request.path:
            kind = {name.lower(): value for name, value in request.headers.items()}.get("content-type", "")
            if "json" in kind:
                body: Any = json.loads(request.body)
            else:
                body = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
            found.append((request.method, request.target, body))
        answer: Response = respond(request)
        return answer

    running.sandbox.respond = recorded
    return found


def send(store: Connection, topic: str = Topic.LISTING_CREATE) -> OutboxMessage:
    message = OutboxMessage.objects.get(connection=store, topic=topic)
    OutboxMessage.objects.filter(pk=message.pk).update(not_before=None)
    dispatcher.dispatch(store.pk, message.lane)
    message.refresh_from_db()
    return message
