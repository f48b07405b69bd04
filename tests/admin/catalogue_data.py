"""What the tests of the catalogue's lists share: people with rights, products, what a page says."""

from __future__ import annotations

import json

from django.contrib.auth.models import Permission
from django.test import Client

from catalogue import search_text
from catalogue.models import Brand, Product
from tests import factories

BASE = "/admin/catalogue/"


def as_person(client: Client, *rights: str) -> Client:
    user = factories.user("anna")
    user.user_permissions.set(
        Permission.objects.filter(codename__in=rights, content_type__app_label="catalogue")
    )
    client.force_login(user)
    return client


def rows(response) -> list[str]:
    return [str(row) for row in response.context["cl"].result_list]


def words(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def put(client: Client, row: str, field: str, value: str, was: str):
    body = {"field": field, "value": value, "was": was}
    return client.post(f"{BASE}{row}/set/", json.dumps(body), "application/json")


def product(sku: str, title: str, brand: str = "", **fields) -> Product:
    found = factories.product(sku, title=title, **fields)
    if brand:
        found.brand = Brand.objects.get_or_create(name=brand, key=brand.casefold())[0]
        found.save()
        search_text.refresh_after(products=[found.pk])
    return found
