"""Put our queue, our sentinel and our heartbeat in the place of django-q2's, before a cluster starts."""

from __future__ import annotations

from django_q import cluster

from oms.cluster import beats, clock
from oms.cluster.locks import Queue
from oms.cluster.sentinel import Sentinel


def install() -> None:
    """Make every cluster that this process starts use them."""
    clock.install()
    vars(cluster).update(Queue=Queue, Sentinel=Sentinel, pusher=beats.pusher, scheduler=beats.scheduler)
