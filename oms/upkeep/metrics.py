"""`/metrics`: the figures of this installation for Prometheus, per store, counted when they are asked for.

Who asks has the token (`OMS_METRICS_TOKEN`), or sits on this machine. For everybody else the address does not exist.
"""

from __future__ import annotations

import hmac
import ipaddress
import shutil
from collections.abc import Iterable, Iterator
from typing import Any

from django.conf import settings
from django.db.models import Count, Min, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_q.models import OrmQ
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from channels.models import Budget, Connection, OutboxMessage, RejectedRecord, SyncStream
from channels.workers import heartbeat
from oms import __version__
from oms.accounts.addresses import client_ip
from oms.kit.models import Job


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer in the text format of Prometheus; 404 without the right to ask."""
    if not may_ask(request):
        raise Http404
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Figures())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def may_ask(request: HttpRequest) -> bool:
    """Whether the request has the token, or comes from this machine itself and through no proxy from elsewhere."""
    wanted = settings.OMS_METRICS_TOKEN
    given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    if wanted:
        return hmac.compare_digest(given.encode(), wanted.encode())
    try:
        return ipaddress.ip_address(client_ip(request)).is_loopback
    except ValueError:
        return False


class Figures(Collector):
    """All figures; one statement for each kind, whatever the number of stores."""

    def collect(self) -> Iterator[Metric]:
        """Yield every family of figures."""
        self.now = timezone.now()
        self.names = dict(Connection.objects.values_list("pk", "name"))
        yield gauge("manifold_info", "Version of Manifold", ("version",), [((__version__,), 1)])
        free = shutil.disk_usage(settings.VAR_DIR).free if settings.VAR_DIR.exists() else 0
        yield gauge("manifold_disk_free_bytes", "Free space of the data folder", (), [((), free)])
        beats = [((lane,), self.age(at)) for lane, at in heartbeat.heartbeats().items() if at is not None]
        yield gauge(
            "manifold_lane_heartbeat_seconds", "Since a worker of the lane last ran", ("lane",), beats
        )
        yield from self.queue()
        yield from self.stores()
        yield from self.streams()
        yield from self.outbox()
        rejected = RejectedRecord.objects.open().order_by().values("connection").annotate(n=Count("pk"))
        rows = [((self.store(row["connection"]),), row["n"]) for row in rejected]
        yield gauge("manifold_rejected_records", "Records that could not be imported", ("store",), rows)
        yield from self.limits()

    def age(self, at: Any) -> float:
        """Return the seconds since a time, not below 0."""
        return float(max((self.now - at).total_seconds(), 0.0))

    def store(self, pk: int) -> str:
        """Return the name of a store."""
        return str(self.names.get(pk, pk))

    def queue(self) -> Iterator[Metric]:
        """Yield the length and the age of the queue of each lane, and the jobs that wait."""
        rows = list(OrmQ.objects.order_by().values("key").annotate(n=Count("pk"), first=Min("lock")))
        yield gauge(
            "manifold_queue_waiting", "Tasks in the queue", ("lane",), [((r["key"],), r["n"]) for r in rows]
        )
        ages = [((row["key"],), self.age(row["first"])) for row in rows if row["first"]]
        yield gauge("manifold_queue_oldest_seconds", "Age of the oldest task in the queue", ("lane",), ages)
        waiting = Job.objects.live().filter(started_at=None).count()
        yield gauge("manifold_jobs_waiting", "Jobs that have not begun", (), [((), waiting)])

    def stores(self) -> Iterator[Metric]:
        """Yield the state of each store and how long it has had a fault."""
        rows = list(
            Connection.objects.stores()
            .connected()
            .values_list("name", "state", "is_read_only", "failing_since")
        )
        states = [((name, state, str(is_read_only).lower()), 1) for name, state, is_read_only, _since in rows]
        yield gauge("manifold_store_state", "State of a store", ("store", "state", "read_only"), states)
        faults = [((name,), self.age(since) if since else 0.0) for name, _state, _only, since in rows]
        yield gauge(
            "manifold_store_failing_seconds", "Since when a store has a fault; 0: none", ("store",), faults
        )

    def streams(self) -> Iterator[Metric]:
        """Yield the age of the last complete run of each import, and its target."""
        fields = ("connection_id", "name", "period", "completed_at")
        rows = list(SyncStream.objects.filter(is_on=True, connection__state="active").values_list(*fields))
        ages = [((self.store(pk), name), self.age(at)) for pk, name, _period, at in rows if at]
        labels = ("store", "stream")
        yield gauge("manifold_stream_age_seconds", "Since an import was last complete", labels, ages)
        targets = [((self.store(pk), name), float(period) + 120) for pk, name, period, _at in rows if period]
        yield gauge("manifold_stream_target_seconds", "How old it may be", labels, targets)

    def outbox(self) -> Iterator[Metric]:
        """Yield what waits to be sent to each store, how long, and what failed."""
        waiting = OutboxMessage.objects.waiting().filter(is_held=False)
        rows = list(
            waiting.order_by().values("connection", "topic").annotate(n=Count("pk"), first=Min("changed_at"))
        )
        labels = ("store", "topic")
        depth = [((self.store(row["connection"]), row["topic"]), row["n"]) for row in rows]
        yield gauge("manifold_outbox_waiting", "Messages that wait to be sent", labels, depth)
        ages = [((self.store(row["connection"]), row["topic"]), self.age(row["first"])) for row in rows]
        yield gauge("manifold_outbox_oldest_seconds", "Age of the oldest message that waits", labels, ages)
        parked = OutboxMessage.objects.parked().order_by().values("connection").annotate(n=Count("pk"))
        failed = [((self.store(row["connection"]),), row["n"]) for row in parked]
        yield gauge(
            "manifold_outbox_failed", "Messages that failed and wait for a person", ("store",), failed
        )

    def limits(self) -> Iterator[Metric]:
        """Yield the requests that each store may still make, by its own bucket."""
        rows = list(
            Budget.objects.filter(~Q(connection__state="disconnected")).values_list(
                "connection", "tokens", "capacity"
            )
        )
        left = [((self.store(pk),), max(tokens, 0.0)) for pk, tokens, _capacity in rows]
        yield gauge("manifold_api_limit_left", "Requests that a store may still make", ("store",), left)
        whole = [((self.store(pk),), capacity) for pk, _tokens, capacity in rows]
        yield gauge("manifold_api_limit", "Requests that a store may make at once", ("store",), whole)


def gauge(
    name: str, words: str, labels: tuple[str, ...], rows: Iterable[tuple[tuple[str, ...], Any]]
) -> Metric:
    """Return a family of gauges."""
    family = GaugeMetricFamily(name, words, labels=list(labels))
    for values, figure in rows:
        family.add_metric([str(value) for value in values], float(figure))
    return family
