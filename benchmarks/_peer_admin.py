"""Django's own admin over a table of orders, tuned: what `benchmarks/list_page.py` compares the order list with.

A project of its own in one module, because it needs other settings: a store, an order of eight columns, no theme. The three
usual remedies are taken: no count of all rows, an estimate for the paginator, `list_select_related`. Standard input has
one address a line; each gets one line of JSON: seconds, seconds of processor, statements and bytes.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import django
from django.conf import settings

URL, NAME = urlsplit(sys.argv[1]), sys.argv[2]
STATUS = ["unpaid", "draft", "new", "partial", "ready", "packed", "transit", "completed", "cancelled"]
ROWS = """
INSERT INTO peer_order (store_id, channel_ref, status, customer_name, email, currency, net, tax, placed_at, created_at)
SELECT 1 + i %% 4, 'CH-' || lpad(i::text, 8, '0'), (%s::text[])[1 + i %% 9], 'Customer ' || md5(i::text), 'c' || i || '@example.com',
  'GBP', (500 + i %% 9000) / 100.0, (100 + i %% 1800) / 100.0, timestamptz '2024-01-01' + i * interval '61 seconds', now()
FROM generate_series(1, %s) i
"""
urlpatterns: list[Any] = []

settings.configure(
    SECRET_KEY="only-for-the-benchmark",
    USE_TZ=True,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    STATIC_URL="/static/",
    INSTALLED_APPS=[f"django.contrib.{one}" for one in ("admin", "auth", "contenttypes", "sessions", "messages")],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql", "NAME": NAME, "HOST": URL.hostname, "PORT": URL.port or "",
            "USER": URL.username or "", "PASSWORD": URL.password or "",
        }
    },
)  # fmt: skip
django.setup()

from django.contrib import admin  # noqa: E402 - after the settings
from django.core.paginator import Paginator  # noqa: E402
from django.db import connection, models  # noqa: E402
from django.urls import path  # noqa: E402
from django.utils.functional import cached_property  # noqa: E402


class Store(models.Model):
    name = models.CharField(max_length=40)

    class Meta:
        app_label = "admin"  # a model needs an app that is installed
        db_table = "peer_store"

    def __str__(self) -> str:
        return self.name


class Order(models.Model):
    store = models.ForeignKey(Store, on_delete=models.PROTECT)
    channel_ref = models.CharField(max_length=64)
    status = models.CharField(
        max_length=16, choices=[(one, one) for one in STATUS], default="new", db_index=True
    )
    customer_name = models.CharField(max_length=120)
    email = models.EmailField()
    currency = models.CharField(max_length=3, default="GBP")
    net = models.DecimalField(max_digits=12, decimal_places=2)
    tax = models.DecimalField(max_digits=12, decimal_places=2)
    placed_at = models.DateTimeField(db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "admin"
        db_table = "peer_order"

    def __str__(self) -> str:
        return self.channel_ref


class EstimatePaginator(Paginator):
    @cached_property
    def count(self) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE relname = 'peer_order'")
            return int(cursor.fetchone()[0])


class TunedOrderAdmin(admin.ModelAdmin):
    list_display = ("channel_ref", "store", "status", "customer_name", "email", "net", "tax", "placed_at")
    list_filter = ("status", "store")
    search_fields = ("channel_ref", "customer_name", "email")
    ordering = ("-placed_at",)
    show_full_result_count = False
    list_select_related = ("store",)
    paginator = EstimatePaginator


admin.site.register(Order, TunedOrderAdmin)
urlpatterns += [path("admin/", admin.site.urls)]


def make(orders: int) -> None:
    """Fill an empty database."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(Store)
        editor.create_model(Order)
    for number in range(4):
        Store._default_manager.create(name=f"Store {number}")
    with connection.cursor() as cursor:
        cursor.execute(ROWS, [STATUS, orders])
        cursor.execute("VACUUM ANALYZE")


def serve(client: Any) -> None:
    """Answer each address of standard input."""
    from django.test.utils import CaptureQueriesContext

    for line in sys.stdin:
        with CaptureQueriesContext(connection) as asked:
            client.get(line.strip())
            statements = len(asked)
        began, busy = time.perf_counter(), time.process_time()
        answer = client.get(line.strip())
        took, used = time.perf_counter() - began, time.process_time() - busy
        found = {
            "s": took,
            "busy": used,
            "statements": statements,
            "bytes": len(answer.content),
            "status": answer.status_code,
        }
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


def main() -> None:
    from django.contrib.auth.models import User
    from django.test import Client

    if len(sys.argv) > 3:
        make(int(sys.argv[3]))
    client = Client()
    client.force_login(
        User.objects.filter(username="bench").first() or User.objects.create_superuser("bench")
    )
    serve(client)


if __name__ == "__main__":
    main()
