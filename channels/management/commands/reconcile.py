"""`reconcile`: compare stores with Manifold, list the differences, repair a class of them."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from channels.models import Connection, Difference
from channels.ops.cli import find_stores
from channels.reconcile import parts, repairs, runs
from channels.reconcile.repairs import CannotRepair
from channels.stores.pull_jobs import CannotSync
from oms.kit.authors import actors
from oms.kit.management.cli import COULD_NOT, DONE, REFUSALS, CouldNot, ManifoldCommand
from oms.kit.models import Job

#: Differences of one store that are listed.
LISTED = 1_000


class Command(ManifoldCommand):
    help = (
        "Compare orders of 90 days, statuses, listings, titles, stock and prices of stores with Manifold. Nothing is sent, "
        "unless --repair says so. Exit codes: 0 no open difference (or all of the repaired class are being repaired), "
        "1 differences are open or a repair was refused, 2 could not compare."
    )
    has_dry_run = False

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--part", action="append", default=[], help="Compare only this part; may be repeated."
        )
        parser.add_argument(
            "--repair",
            metavar="CLASS",
            help="Repair all differences of a class, as PART.CLASS[=REPAIR], for example orders.missing_here or "
            "prices.differs=send. Without REPAIR: the first that the channel can do.",
        )
        parser.add_argument(
            "--no-read", action="store_true", help="Do not read the store: list what is known to differ."
        )

    def run(self, **options: Any) -> tuple[int, Any]:
        """Compare and repair; return (exit code, result)."""
        known = {part.key for part in parts.all_parts()}
        if unknown := [one for one in options["part"] if one not in known]:
            raise CouldNot(f"No part “{unknown[0]}”. Parts: {', '.join(sorted(known))}.")
        stores = find_stores(options["store"])
        if not stores:
            raise CouldNot("No store is connected: run `manage.py connect_store` first.")
        results, codes = [], []
        for store in stores:
            try:
                code, result = self._one(store, options)
            except (CannotSync, CannotRepair) as error:
                if options["store"] is not None:
                    raise CouldNot(str(error)) from error
                code, result = DONE, {"ok": True, "state": "skipped", "message": str(error)}
            codes.append(code)
            results.append({"store": store.name, **result})
        code = COULD_NOT if COULD_NOT in codes else REFUSALS if REFUSALS in codes else DONE
        return code, {"ok": code == DONE, "stores": results}

    def _one(self, store: Connection, options: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if not options["no_read"]:
            job = self.work(runs.ask(connection=store, wanted=options["part"]), as_json=options["json"])
            if job.state != Job.State.DONE:
                return COULD_NOT, {"ok": False, "state": str(job.state), "message": job.message}
        repaired, refused = 0, list[str]()
        if options["repair"]:
            repaired, refused = self._repair(store, options["repair"])
        wanted = options["part"]
        counts = {key: n for key, n in parts.counts(store).items() if not wanted or key in wanted}
        off = {part.key: part.off(store) for part in parts.all_parts() if part.off(store)}
        rows = Difference.objects.filter(connection=store, closed_at=None, part__in=counts).order_by(
            "part", "id"
        )
        listed = [
            {
                "part": row.part,
                "class": row.kind,
                "id": row.key,
                "what": str(row),
                "field": row.field,
                "manifold": row.ours,
                "store": row.theirs,
                "since": row.found_at.isoformat(),
            }
            for row in rows[:LISTED]
        ]
        code = REFUSALS if refused or sum(counts.values()) else DONE
        return code, {
            "ok": code == DONE,
            "state": "done",
            "open": counts,
            "not_compared": off,
            "repaired": repaired,
            "refused": refused,
            "differences": listed,
        }

    @staticmethod
    def _repair(store: Connection, wanted: str) -> tuple[int, list[str]]:
        """Repair a class; return how many, and what was refused. Raises `CannotRepair`."""
        name, _equals, how = wanted.partition("=")
        part_key, _dot, kind = name.partition(".")
        part = parts.part_of(part_key)
        usable = [one for one in part.repairs if kind in one.kinds] if part is not None else []
        if part is None or not usable:
            raise CouldNot(
                f"“{wanted}” is no class that can be repaired. Use for example orders.missing_here."
            )
        how = how or next((one.key for one in usable if not one.off(store)), usable[0].key)
        done, refused = 0, list[str]()
        after: int | None = 0
        while after is not None:
            count, sentences, after = repairs.repair_batch(
                store, part_key, how, kind=kind, after=after, by=actors.current()
            )
            done += count
            refused += sentences
        return done, refused

    def say(self, result: Any) -> None:
        """Print the counts and the differences of each store."""
        for store in result["stores"]:
            self.stdout.write(f"{store['store']}: {store.get('message') or store['state']}")
            for part, count in store.get("open", {}).items():
                self.stdout.write(f"  {part}: {count} open")
            for part, reason in store.get("not_compared", {}).items():
                self.stdout.write(f"  {part}: not compared. {reason}")
            if store.get("repaired"):
                self.stdout.write(f"  {store['repaired']} are being repaired")
            for sentence in store.get("refused", ()):
                self.stdout.write(f"  {sentence}")
            for row in store.get("differences", ()):
                self.stdout.write(
                    f"  {row['part']} {row['class']} {row['what']}: Manifold {row['manifold'] or '–'},"
                    f" store {row['store'] or '–'}"
                )
