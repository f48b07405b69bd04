"""A lease names its process: the dead are known, and nobody who lives is taken for dead."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from oms.kit.models import Job, leases
from tests.support.dead import token_of_the_dead


def test_a_token_names_its_process_and_is_never_the_same_twice():
    one, other = leases.new_token(), leases.new_token()

    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{1,7}-[0-9a-f]{1,7}-[0-9a-f]{8}", one)
    assert len(one) <= 32
    assert one != other
    assert leases.process_of(one) == leases.process_of(other)
    assert not leases.is_gone(one)


@pytest.mark.parametrize("is_reaped", [True, False])
def test_a_killed_process_is_gone_before_anybody_has_waited_for_it(is_reaped: bool):
    assert leases.is_gone(token_of_the_dead(is_reaped=is_reaped))


def test_another_process_with_the_number_of_a_dead_one_is_not_it():
    place, pid, began, rest = leases.new_token().split("-")

    assert leases.is_gone(f"{place}-{pid}-{int(began, 16) ^ 1:x}-{rest}")


@pytest.mark.parametrize("token", ["", "0" * 32, "a-b-c", "00000000-1-1-00000000"])
def test_who_cannot_be_seen_is_taken_to_live(token: str):
    assert not leases.is_gone(token)


def test_where_processes_cannot_be_distinguished_a_token_names_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(leases, "place", lambda: "")
    token = leases.new_token()

    assert re.fullmatch(r"[0-9a-f]{32}", token)
    assert leases.process_of(token) == ""
    assert not leases.is_gone(token)


@pytest.mark.django_db
def test_only_leases_of_the_dead_that_have_not_run_out_are_ended():
    dead, mine = token_of_the_dead(), leases.new_token()
    ahead, before = timezone.now() + timedelta(minutes=2), timezone.now() - timedelta(minutes=2)

    def job(token: str, until: datetime | None) -> Job:
        return Job.objects.create(kind="x", lease_token=token, lease_until=until)

    killed, lapsed, alive, free = job(dead, ahead), job(dead, before), job(mine, ahead), job("", None)
    unseen = job("0" * 32, ahead)

    assert Job.objects.all().end_orphaned() == {dead}

    for row in (killed, lapsed, alive, free, unseen):
        row.refresh_from_db()
    assert killed.lease_until is not None
    assert killed.lease_until <= timezone.now()
    assert killed.lease_token == dead
    assert (lapsed.lease_until, alive.lease_until, free.lease_until, unseen.lease_until) == (
        before,
        ahead,
        None,
        ahead,
    )
