"""System: version, database, lanes, free disk and the sizes of tables, for owners."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterable
from typing import Any

import django
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from channels.workers import heartbeat
from oms import __version__
from oms.cluster import host_beats
from oms.kit.admin.pages import Crumb, Page, add
from oms.kit.management.cli import database_name

SHOWN = 20  # tables


class System(Page):
    """What an owner looks at before asking for help, and before buying a larger disk."""

    title = _("System")
    permission = "auth.change_group"
    template_name = "oms/system.html"

    def crumbs(self) -> Iterable[Crumb]:
        return ((_("Settings"), ""),)

    def get(self, request: HttpRequest) -> HttpResponse:
        disk = shutil.disk_usage(settings.VAR_DIR)
        dead = heartbeat.dead_lanes()
        facts = [
            (_("Version"), __version__),
            (_("Python and Django"), f"{platform.python_version()}, {django.get_version()}"),
            (_("Database"), database_name()),
            (_("Size of the database"), size_text(database_size())),
            (_("Data folder"), str(settings.VAR_DIR)),
            (_("Free disk space"), f"{size_text(disk.free)} ({disk.free * 100 // disk.total} %)"),
            (_("Public address"), settings.OMS_PUBLIC_URL),
            (_("Time zone"), settings.TIME_ZONE),
        ]
        lanes = [
            {"name": lane, "at": at, "is_alive": lane not in dead}
            for lane, at in heartbeat.heartbeats().items()
        ]
        return self.render(facts=facts, lanes=lanes, silent=host_beats.silent(), tables=table_sizes())


def size_text(number: int) -> str:
    """Return a number of bytes as a person reads it."""
    for unit, factor in (("GB", 1000**3), ("MB", 1000**2), ("kB", 1000)):
        if number >= factor:
            return f"{number / factor:,.1f} {unit}"
    return f"{number} B"


def database_size() -> int:
    """Return the size of the database in bytes."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_database_size(current_database())")
        else:
            cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        return int(cursor.fetchone()[0])


def table_sizes() -> list[dict[str, Any]]:
    """Return the largest tables with their indexes, the largest first; [] where the database cannot say."""
    if connection.vendor == "postgresql":
        sql = (
            "SELECT relname, pg_total_relation_size(oid), greatest(reltuples, 0)::bigint FROM pg_class "
            "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 2 DESC LIMIT %s"
        )
    else:
        sql = (
            "SELECT m.tbl_name, sum(d.pgsize), NULL FROM dbstat d JOIN sqlite_master m ON m.name = d.name "
            "GROUP BY m.tbl_name ORDER BY 2 DESC LIMIT %s"
        )
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql, [SHOWN])
            found = cursor.fetchall()
    except DatabaseError:
        return []
    return [{"name": name, "size": size_text(int(size)), "rows": rows} for name, size, rows in found]


add(("settings/system/", System, "system"))
