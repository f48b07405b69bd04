"""Putting a task into the queue never fails the change that was committed before it."""

from __future__ import annotations

import logging

import pytest

from oms.kit.background import queue


class BrokerDown(Exception):
    """As redis raises it: no base class of ours."""


@pytest.mark.parametrize("error", [BrokerDown("no redis"), OSError("refused"), ValueError("bad")])
def test_a_queue_that_cannot_be_reached_is_logged_and_fails_nothing(monkeypatch, caplog, error):
    def broken(*_args, **_more):
        raise error

    monkeypatch.setattr(queue, "async_task", broken)
    caplog.set_level(logging.WARNING)

    assert queue.send("orders.tasks.refill", [1], lane="orders") is False
    assert "could not enqueue orders.tasks.refill([1],)" in caplog.text


def test_a_time_out_of_the_task_passes(monkeypatch):
    """A time-out is a SystemExit: swallowing it would let the task run again for ever."""

    def timed_out(*_args, **_more):
        raise SystemExit(1)

    monkeypatch.setattr(queue, "async_task", timed_out)
    with pytest.raises(SystemExit):
        queue.send("orders.tasks.refill", lane="orders")


def test_the_task_goes_to_its_lane(monkeypatch):
    sent = []
    monkeypatch.setattr(queue, "async_task", lambda *args, **more: sent.append((args, more)))

    assert queue.send("channels.tasks.wake", "stock", lane="stock") is True
    assert sent == [(("channels.tasks.wake", "stock"), {"cluster": "stock"})]
