"""What each person is sent: the kinds and ways that they chose, or the defaults, and their quiet hours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.contrib.auth import get_user_model
from django.utils import timezone

from channels.models import AlertNotice, AlertSettings
from channels.stores.alert_kinds import AlertKind

MAIL: Final = str(AlertNotice.Way.MAIL)
WEBHOOK: Final = str(AlertNotice.Way.WEBHOOK)
HOME: Final = "home"
#: Who is an owner: the same permission as that of the sign-in rules.
OWNER: Final = "auth.change_group"
#: Kinds that are not urgent are collected until the next full hour.
COLLECTED: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Person:
    """A person with their alert settings; `settings` is an unsaved row with the defaults where none was saved."""

    user: Any
    settings: AlertSettings
    is_owner: bool

    def may_see(self, kind: AlertKind) -> bool:
        """Whether the person's role shows alerts of this kind, and the person can sign in."""
        return bool(self.user.is_active and self.user.is_staff and self.user.has_perm(kind.permission))

    def ways(self, kind: AlertKind) -> set[str]:
        """Return the ways that the person chose for a kind. The default: Home for everybody, and e-mail for owners."""
        chosen = self.settings.ways.get(kind.key)
        if chosen is None:
            return {HOME, MAIL} if self.is_owner else {HOME}
        return set(chosen)

    @property
    def possible_ways(self) -> set[str]:
        """The ways of sending for which the person has an address."""
        found = set()
        if self.user.email:
            found.add(MAIL)
        if self.settings.webhook.get("url"):
            found.add(WEBHOOK)
        return found


def person_of(user: Any) -> Person:
    """Return a person with their settings."""
    saved = AlertSettings.objects.filter(pk=user.pk).first()
    return Person(user, saved or AlertSettings(user=user), user.has_perm(OWNER))


def everybody() -> list[Person]:
    """Return all people who can sign in to the back office, with their settings."""
    users = get_user_model().objects.filter(is_active=True, is_staff=True).order_by("pk")
    saved = AlertSettings.objects.in_bulk()
    return [
        Person(user, saved.get(user.pk) or AlertSettings(user=user), user.has_perm(OWNER)) for user in users
    ]


def by_id(user_ids: Iterable[int]) -> dict[int, Person]:
    """Return these people by the key of their user, also those who can no longer sign in."""
    ids = list(user_ids)
    saved = AlertSettings.objects.in_bulk(ids)
    users = get_user_model().objects.filter(pk__in=ids)
    return {
        user.pk: Person(user, saved.get(user.pk) or AlertSettings(user=user), user.has_perm(OWNER))
        for user in users
    }


def zone_of(settings: AlertSettings) -> Any:
    """Return the person's time zone; the installation's where none is set or it does not exist any more."""
    try:
        return ZoneInfo(settings.time_zone) if settings.time_zone else timezone.get_default_timezone()
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return timezone.get_default_timezone()


def quiet_ends(settings: AlertSettings, now: datetime) -> datetime | None:
    """Return when the person's present quiet hours end; None when it is not quiet now. They may pass midnight."""
    start, end = settings.quiet_from, settings.quiet_until
    if start is None or end is None or start == end:
        return None
    zone = zone_of(settings)
    local = now.astimezone(zone)
    at = local.time().replace(tzinfo=None)
    is_quiet = start <= at < end if start < end else (at >= start or at < end)
    if not is_quiet:
        return None
    day = local.date() if at < end else local.date() + timedelta(days=1)
    return datetime.combine(day, end, tzinfo=zone)


def not_before(person: Person, kind: AlertKind | None, now: datetime) -> datetime | None:
    """Return the earliest time to send a notice: after the quiet hours; not urgent ones at the next full hour."""
    at = now
    if kind is not None and not kind.is_urgent:
        at = now.replace(minute=0, second=0, microsecond=0) + COLLECTED
    at = quiet_ends(person.settings, at) or at
    return at if at > now else None
