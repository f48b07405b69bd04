"""System checks: an installation that could lose or double work says so before it starts."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import Error, Tags, Warning, register
from django.http.request import validate_host
from django.utils.translation import gettext as _

from channels.contract import registry
from channels.contract.spec import Capability, ChannelSpec
from oms.accounts.addresses import networks

SQLITE_WAIT = 5  # seconds a writer must at least be ready to wait for another


def _lanes(cluster: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each lane with the settings it really runs with: the base, and on top of it its own."""
    yield str(cluster.get("cluster_name", "default")), dict(cluster)
    for name, own in (cluster.get("ALT_CLUSTERS") or {}).items():
        yield name, {**cluster, **own}


def needed_retry(*, workers: int, queue_limit: int, bulk: int, timeout: int) -> int:
    """The seconds that `retry` must exceed: the longest a fetched task can wait and then run.

    django-q2 starts the clock when a task is *fetched*. Up to `queue_limit + bulk` wait in memory behind `workers`
    running ones, and each may take its whole time-out and 3 seconds to be killed. Less, and a healthy cluster runs
    tasks twice.
    """
    return (timeout + 3) * (math.ceil((queue_limit + workers + bulk) / workers) + 1)


@register("oms")
def check_queue(**kwargs: Any) -> list[Error]:
    errors = []
    for lane, conf in _lanes(settings.Q_CLUSTER):
        limit = needed_retry(
            workers=conf["workers"],
            queue_limit=conf["queue_limit"],
            bulk=conf["bulk"],
            timeout=conf["timeout"],
        )
        if conf["retry"] <= limit:
            errors.append(
                Error(
                    _("Queue lane %(lane)s would run tasks twice: retry is %(retry)s s.")
                    % {"lane": lane, "retry": conf["retry"]},
                    hint=_("Set its retry above %(limit)s s, or its timeout lower.") % {"limit": limit},
                    id="oms.E002",
                )
            )
    if settings.OMS_QUEUE_BROKER not in {"orm", "redis"}:
        errors.append(Error(_("OMS_QUEUE_BROKER is neither orm nor redis."), id="oms.E006"))
    elif settings.OMS_QUEUE_BROKER == "redis" and not settings.REDIS_URL:
        errors.append(
            Error(
                _("OMS_QUEUE_BROKER is redis, but no REDIS_URL is set."),
                hint=_("Set REDIS_URL, or OMS_QUEUE_BROKER=orm."),
                id="oms.E006",
            )
        )
    return errors


@register(Tags.security, "oms")
def check_credential_keys(**kwargs: Any) -> list[Error]:
    keys: list[str] = settings.OMS_CREDENTIAL_KEYS
    if not keys and not (settings.DEBUG or settings.OMS_DEMO):
        return [
            Error(
                _("OMS_CREDENTIAL_KEYS is empty: no store can be connected."),
                hint=_("Make a key as .env.example says, and keep it apart from the database's backups."),
                id="oms.E003",
            )
        ]
    errors = []
    for number, key in enumerate(keys, start=1):
        try:
            Fernet(key)
        except ValueError:
            errors.append(
                Error(
                    _("Key %(number)s of OMS_CREDENTIAL_KEYS is no Fernet key.") % {"number": number},
                    hint=_("A key is 32 bytes in URL-safe base64; .env.example says how to make one."),
                    id="oms.E004",
                )
            )
    return errors


@register(Tags.security, "oms")
def check_secret_key(**kwargs: Any) -> list[Error]:
    if len(settings.SECRET_KEY) >= 50:
        return []
    return [
        Error(
            _("SECRET_KEY is shorter than 50 characters."),
            hint=_("Make one as .env.example says."),
            id="oms.E001",
        )
    ]


@register(Tags.security, "oms")
def check_proxies(**kwargs: Any) -> list[Error]:
    try:
        networks(settings.OMS_TRUSTED_PROXIES)
    except ValueError as error:
        return [
            Error(
                _("OMS_TRUSTED_PROXIES has an entry that is no address: %s.") % error,
                hint=_("Give addresses or networks, such as 127.0.0.1 or 10.0.0.0/8, or unix."),
                id="oms.E009",
            )
        ]
    return []


@register(Tags.security, "oms", deploy=True)
def check_production(**kwargs: Any) -> list[Warning]:
    """What is meant for a machine of one's own, and must not reach production."""
    found = []
    if settings.OMS_DEMO:
        hint = _("Make the settings of a real installation with `manage.py make_settings` (docs/install.md).")
        found.append(
            Warning(
                _(
                    "These are the settings of the demo (OMS_DEMO is on): demo stores, no HTTPS, not for production."
                ),
                hint=hint,
                id="oms.W001",
            )
        )
    if settings.OMS_ALLOWED_PRIVATE_HOSTS:
        found.append(
            Warning(
                _("Manifold may call private addresses: %s.") % ", ".join(settings.OMS_ALLOWED_PRIVATE_HOSTS),
                hint=_(
                    "Leave OMS_ALLOWED_PRIVATE_HOSTS empty, unless the server of a store is in your network."
                ),
                id="oms.W002",
            )
        )
    host = urlsplit(settings.OMS_PUBLIC_URL).hostname or ""
    if not validate_host(host, settings.ALLOWED_HOSTS):
        found.append(
            Warning(
                _("ALLOWED_HOSTS does not have %s, the host of OMS_PUBLIC_URL: its pages answer 400.") % host,
                hint=_("Add it to ALLOWED_HOSTS."),
                id="oms.W003",
            )
        )
    if settings.UNKNOWN_SETTINGS:
        found.append(
            Warning(
                _("The settings file has names that are no settings: %s.")
                % ", ".join(settings.UNKNOWN_SETTINGS),
                hint=_("docs/settings.md lists all of them. Is one of them misspelt?"),
                id="oms.W004",
            )
        )
    return found


@register("oms")
def check_folder(**kwargs: Any) -> list[Error]:
    """The folder for the files of this installation."""
    folder = Path(settings.VAR_DIR)
    if not folder.exists() or (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        return []
    return [
        Error(
            _("OMS_VAR_DIR is no folder in which this user may write: %s.") % folder,
            hint=_("Name another folder, or give this one to the user that runs Manifold."),
            id="oms.E012",
        )
    ]


@register("oms")
def check_alerts(**kwargs: Any) -> list[Error]:
    """The settings that alerts are sent with."""
    errors = []
    sender = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    if "@" not in sender:
        errors.append(
            Error(
                _("DEFAULT_FROM_EMAIL is no e-mail address: %s.") % settings.DEFAULT_FROM_EMAIL,
                hint=_("Give an address such as Manifold OMS <oms@example.com>."),
                id="oms.E010",
            )
        )
    if settings.OMS_ALERT_ESCALATION_MINUTES < 0:
        errors.append(
            Error(
                _("OMS_ALERT_ESCALATION_MINUTES is below 0."),
                hint=_("Give the minutes, such as 60, or 0 for never."),
                id="oms.E011",
            )
        )
    return errors


@register("oms")
def check_channels(**kwargs: Any) -> list[Error]:
    try:
        found = registry.specs()
    except (ImportError, AttributeError) as error:
        return [
            Error(
                _("OMS_CHANNELS names a channel that cannot be loaded: %(error)s.") % {"error": error},
                hint=_("Name dotted folders such as channels.connectors.opencart, separated by commas."),
                id="oms.E007",
            )
        ]
    return [
        Error(
            _("The channel %(channel)s is not sound: %(fault)s.") % {"channel": spec.key, "fault": fault},
            id="oms.E008",
        )
        for spec in found.values()
        for fault in channel_faults(spec)
    ]


def channel_faults(spec: ChannelSpec) -> Iterator[str]:
    """What is wrong with a channel's declaration; it drives buttons, schedules and the docs, so nothing may be missing."""
    if silent := [str(capability) for capability in Capability if capability not in spec.capabilities]:
        yield f"it does not say whether it can {', '.join(silent)}"
        return
    for stream in spec.streams:
        if not spec.supports(stream.capability):
            yield f"it has a stream {stream.name}, but {stream.capability} is not supported"
        if str(stream.lane) not in settings.OMS_LANES:
            yield f"its stream {stream.name} is worked by a lane that does not exist, {stream.lane}"
    names = [stream.name for stream in spec.streams]
    if len(names) != len(set(names)):
        yield "it names a stream twice"
    if spec.budget.capacity < 1 or spec.budget.per_second <= 0:
        yield "its budget lets nothing through"
    if any(size < 1 for size in spec.batch_sizes.values()):
        yield "a batch size is below 1"


@register("oms")
def check_sqlite(**kwargs: Any) -> list[Error]:
    return sqlite_errors(settings.DATABASES["default"])


def sqlite_errors(database: Mapping[str, Any]) -> list[Error]:
    """WAL alone is not enough: without IMMEDIATE one web write in twenty fails while the workers are busy."""
    if not str(database["ENGINE"]).endswith("sqlite3"):
        return []
    options = database.get("OPTIONS") or {}
    if (
        options.get("transaction_mode") == "IMMEDIATE"
        and options.get("timeout", 0) >= SQLITE_WAIT
        and "journal_mode=wal" in options.get("init_command", "").replace(" ", "").lower()
    ):
        return []
    return [
        Error(
            _("SQLite is not in WAL mode with IMMEDIATE transactions and a wait of at least %(wait)s s.")
            % {"wait": SQLITE_WAIT},
            hint=_("Take the database settings of oms/settings.py."),
            id="oms.E005",
        )
    ]
