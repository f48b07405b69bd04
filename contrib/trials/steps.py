"""The steps of `make cluster-test`: sharing work, losing a host, a wrong clock, an upgrade, schedules."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from contrib.trials import rest
from contrib.trials.installation import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contrib.trials.cluster import Cluster

MOST_SECONDS = 60.0
LEAST_RATIO = 1.6
DELAY = 1.5


def until(look: Callable[[], Any], seconds: float) -> Any:
    """Return what `look` finds, None when it finds nothing in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.05)
    return None


def lanes_of(host: str) -> int:
    """Return how many lanes of a host have sent a heartbeat and are not gone."""
    from channels.models import HostBeat

    return HostBeat.objects.filter(name=host, is_gone=False).count()


def wait_for_lanes(cluster: Cluster, *hosts: str) -> None:
    for host in hosts:
        if not until(lambda host=host: lanes_of(host) == 3, 240):
            raise SystemExit(f"The lanes of the host {host} did not start; see {cluster.folder}/{host}/log.")
    time.sleep(8)  # their first ticks


@contextmanager
def slow(cluster: Cluster, seconds: float) -> Iterator[None]:
    """Let every shop wait before it answers."""
    for running in cluster.shops.running.values():
        running.sandbox.inject("slow", None, seconds=seconds)
    try:
        yield
    finally:
        for running in cluster.shops.running.values():
            with running.sandbox.lock:
                running.sandbox.faults.clear()


def buy_everywhere(cluster: Cluster) -> None:
    for key in cluster.shops.running:
        cluster.shops.buy(key, cluster.desk.skus[0], 1)


def missing(cluster: Cluster) -> int:
    """Return how many orders of the shops are not stored."""
    return rest.left(cluster.shops).get("orders that are not stored", 0)


def time_of_a_round(cluster: Cluster) -> float:
    """Let a buyer order in every shop, and return how long it takes until all is stored."""
    with slow(cluster, DELAY):
        buy_everywhere(cluster)
        began = time.monotonic()
        rest.make_due(cluster.stores)
        if until(lambda: not missing(cluster), 120) is None:
            return 120.0
        return time.monotonic() - began


def share(cluster: Cluster) -> None:
    """Compare the time of one host with that of two; the second host is started here."""
    alone = min(time_of_a_round(cluster) for _round in range(3))
    cluster.two.start()
    wait_for_lanes(cluster, "one", "two")
    both = min(time_of_a_round(cluster) for _round in range(3))
    cluster.say(
        f"two hosts do the work of {len(cluster.stores)} stores faster (answers take {DELAY:g} s)",
        f"{alone:.1f} s alone, {both:.1f} s together, ratio {alone / both:.2f}",
        alone / both >= LEAST_RATIO,
    )


def leased_by(host: str) -> int:
    """Return how many streams a host works on now."""
    from channels.models import HostBeat, SyncStream

    places = set(HostBeat.objects.filter(name=host).values_list("place", flat=True))
    tokens = (
        SyncStream.objects.exclude(lease_token="")
        .filter(lease_until__isnull=False)
        .values_list("lease_token", flat=True)
    )
    return sum(token.partition("-")[0] in places for token in tokens)


def lose(cluster: Cluster, how: str) -> None:
    """Cut off or kill the second host while it works on stores; measure until the first one has done all of it."""
    with slow(cluster, 4.0):
        buy_everywhere(cluster)
        rest.make_due(cluster.stores)
        held = until(lambda: leased_by("two"), 30) or 0
        if how == "killed":
            assert cluster.two.process is not None
            cluster.two.process.kill()
            cluster.two.process.wait()
        else:
            cluster.hosts["two"].cut()
        began = time.monotonic()
    stored = until(lambda: not missing(cluster), 200)
    took = time.monotonic() - began
    cluster.say(
        f"a host that is {how} loses nothing",
        f"{held} streams were its own, all stored after {took:.0f} s",
        bool(stored and held),
    )
    freed = until(lambda: not leased_by("two"), 200 - took)
    took = time.monotonic() - began
    cluster.say(f"its leases are taken over ({how})", f"{took:.0f} s", bool(freed) and took < MOST_SECONDS)
    if how == "killed":
        cluster.two.start()
    else:
        time.sleep(20)
        cluster.hosts["two"].join()
    began = time.monotonic()
    back = until(lambda: lanes_of("two") >= 3, 240)
    cluster.say(f"the host comes back ({how})", f"after {time.monotonic() - began:.0f} s", bool(back))


def wrong_clock(cluster: Cluster, seconds: int) -> None:
    """Start the second host with a wrong clock; orders must be stored once and in time, by both hosts."""
    cluster.stop(cluster.two)
    path = f"{ROOT / 'contrib/trials/wrong_clock'}:{ROOT}"
    cluster.two.start(PYTHONPATH=path, TRIAL_CLOCK=str(seconds))
    wait_for_lanes(cluster, "one", "two")
    times = [time_of_a_round(cluster) for _round in range(2)]
    runs = _double_runs()
    cluster.say(
        f"a clock that is {seconds:+d} s wrong",
        f"orders stored after {times[0]:.1f} and {times[1]:.1f} s, streams worked by two at once: {runs}",
        max(times) < MOST_SECONDS and runs == 0,
    )
    cluster.stop(cluster.two)
    cluster.two.start()
    wait_for_lanes(cluster, "two")


def _double_runs() -> int:
    """Return how many runs of a stream began before another run of it had ended."""
    from channels.models import SyncRun

    found, last = 0, dict[tuple[int, str], Any]()
    rows = SyncRun.objects.exclude(finished_at=None).order_by("started_at")
    for store, stream, started, ended in rows.values_list(
        "connection", "stream", "started_at", "finished_at"
    ):
        before = last.get((store, stream))
        found += before is not None and started < before
        last[(store, stream)] = max(ended, before) if before else ended
    return found


# ---------------------------------------------------------------- upgrade

MIGRATION = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("orders", "{last}")]
    operations = [migrations.RunSQL("ALTER TABLE orders_order ADD COLUMN trial_note varchar(20) NULL")]
"""


def upgrade(cluster: Cluster) -> None:
    """Bring all hosts to a version with one more column, one after the other, while buyers order."""
    source = cluster.folder / "next"
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    for name in filter(None, names.split("\0")):
        if name.startswith(("docs/", "tests/e2e")) or not (ROOT / name).is_file():
            continue
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, source / name)
    folder = source / "orders/migrations"
    last = max(path.stem for path in folder.glob("0*.py"))
    (folder / "9999_trial.py").write_text(MIGRATION.format(last=last))
    environment = {**cluster.environment, "PYTHONPATH": str(source)}
    before = sum(map(len, cluster.shops.placed.values()))
    refused = len(cluster.desk.refused)
    with flowing(cluster):
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "-v0"], cwd=source, env=environment, check=True
        )
        time.sleep(3)
        for house in (cluster.two, cluster.one, cluster.web):
            cluster.stop(house)
            house.environment["PYTHONPATH"] = str(source)
            house.start()
            if house is cluster.web:
                house.answers(120)
            else:
                wait_for_lanes(cluster, "two" if house is cluster.two else "one")
    placed = sum(map(len, cluster.shops.placed.values())) - before
    rest.make_due(cluster.stores)
    stored = until(lambda: not missing(cluster), 90)
    cluster.say(
        "a rolling upgrade with one more column while orders flow",
        f"{placed} orders placed meanwhile, all stored: {bool(stored)}",
        bool(stored) and placed > 0 and len(cluster.desk.refused) == refused,
    )


@contextmanager
def flowing(cluster: Cluster) -> Iterator[None]:
    """Let buyers order, and people work at the desk, until the block ends."""
    from django.db import connections

    stop = threading.Event()

    def flow() -> None:
        while not stop.wait(0.5):
            cluster.desk.sell(1)
            rest.patiently(cluster.desk.plan, None)
            rest.patiently(lambda: rest.make_due([cluster.desk.dice.choice(cluster.stores)]), None)
            cluster.desk.send()
        connections.close_all()

    thread = threading.Thread(target=flow)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


# ---------------------------------------------------------------- schedules


def watch_queue() -> None:
    """Keep what the schedules do: the database notes each change of their next time."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE trial_fired (name text, at timestamptz DEFAULT clock_timestamp())")
        cursor.execute(
            "CREATE FUNCTION trial_note() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN IF NEW.ticked_at IS DISTINCT FROM OLD.ticked_at THEN INSERT INTO trial_fired (name) VALUES (NEW.lane); "
            "END IF; RETURN NEW; END $$"
        )
        cursor.execute(
            "CREATE TRIGGER trial_fired AFTER UPDATE ON channels_lanebeat FOR EACH ROW EXECUTE FUNCTION trial_note()"
        )


def once(cluster: Cluster) -> None:
    """Check that each schedule has run once a minute, whatever happened to the hosts: never twice within 20 s."""
    from django.db import connection

    time.sleep(max(0.0, float(os.environ.get("TICKS", "70"))))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE gap < interval '20 seconds'), EXTRACT(epoch FROM max(gap)) FROM "
            "(SELECT at - lag(at) OVER (PARTITION BY name ORDER BY at) AS gap FROM trial_fired) g"
        )
        count, doubles, longest = cursor.fetchone()
    cluster.say(
        "schedules fire once",
        f"{count} ticks, {doubles} of them twice, longest gap {longest or 0:.0f} s",
        count > 6 and doubles == 0 and longest < 150,
    )
