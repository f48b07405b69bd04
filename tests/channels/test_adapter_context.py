"""What the engine gives an adapter: memory that needs no migration, one writer at a time, notes on the store."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connection as database
from django.db.migrations.executor import MigrationExecutor

from channels.connectors.opencart.adapter import OpenCartAdapter
from channels.contract.context import MemoryContext
from channels.contract.errors import TemporaryError
from channels.contract.records.orders import RemoteState
from channels.contract.spec import Capability
from channels.models import Connection, ConnectorState, StatusMapEntry, WakeUp
from channels.pull import context, runner
from tests import factories


@pytest.fixture
def store(db) -> Connection:
    return factories.store("Shop", channel="opencart")


@pytest.mark.parametrize("is_saved", [True, False])
def test_a_connector_keeps_facts_by_name_and_key(store, is_saved):
    memory = (context.context_of(store) if is_saved else MemoryContext()).memory

    memory.put("zero", "1")
    memory.put("zero", "2", {"since": 5})
    memory.put("zero", "2", {"since": 6})
    memory.put("other", "3")

    assert memory.known("zero", ["1", "2", "3"]) == {"1", "2"}
    assert (memory.get("zero", "1"), memory.get("zero", "2"), memory.get("zero", "9")) == (
        {},
        {"since": 6},
        None,
    )
    memory.forget("zero", ["1", "9"])
    assert memory.known("zero", ["1", "2"]) == {"2"}
    assert memory.get("other", "3") == {}
    assert ConnectorState.objects.count() == (2 if is_saved else 0)


def test_a_store_sees_its_own_facts_alone_and_they_end_with_it(store):
    other = factories.store("Other", channel="opencart")
    context.context_of(store).memory.put("zero", "1")

    assert context.context_of(other).memory.known("zero", ["1"]) == set()
    assert context.context_of(Connection.objects.get(pk=store.pk)).memory.known("zero", ["1"]) == {"1"}


def test_one_worker_at_a_time_works_on_a_key(store, monkeypatch):
    monkeypatch.setattr(context, "LONGEST_WAIT_SECONDS", 0.0)
    one, other = context.context_of(store), context.context_of(store)

    with one.exclusive("42"):
        with other.exclusive("43"):
            pass
        with pytest.raises(TemporaryError) as busy, other.exclusive("42"):
            pass
        assert busy.value.code == "busy"
    with other.exclusive("42"):
        pass
    assert not WakeUp.objects.filter(key__startswith="opencart:").exists()


def test_a_lock_ends_with_the_error_that_ends_its_block(store):
    with pytest.raises(ValueError, match="x"), context.context_of(store).exclusive("42"):
        raise ValueError("x")

    assert not WakeUp.objects.filter(key__startswith="opencart:").exists()


def test_an_ability_that_the_channel_refuses_is_noted_on_the_store(store):
    context.context_of(store).note_not_offered(Capability.PUSH_PRICE, "Not for you.")

    assert Connection.objects.get(pk=store.pk).account["offered"] == {"push_price": "Not for you."}


def test_the_stores_own_reading_of_statuses_is_given(store):
    StatusMapEntry.objects.create(connection=store, external_id="77", name="Odd", remote_state="shipped")

    assert context.context_of(store).remote_states() == {"77": RemoteState.SHIPPED}


def test_the_engine_makes_adapters_with_its_context_and_others_of_saved_stores_have_none(store):
    assert isinstance(runner.adapter_of(store).context, context.StoreContext)
    unsaved = Connection(
        channel="opencart", credentials={"domain_url": "https://shop.example", "secret_key": "k"}
    )
    assert isinstance(runner.adapter_of(unsaved).context, MemoryContext)
    with pytest.raises(RuntimeError, match="adapter_of"):
        OpenCartAdapter(store).context  # noqa: B018


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_marks_of_before_become_facts_and_back():
    """0008 keeps the rows of the table that it renames, both ways."""
    before, after = ("channels", "0007_budget_window"), ("channels", "0008_connector_state")
    store = factories.store("Shop", channel="etsy")
    try:
        MigrationExecutor(database).migrate([before])
        old = (
            MigrationExecutor(database)
            .loader.project_state([before])
            .apps.get_model("channels", "ChannelMark")
        )
        old.objects.create(connection_id=store.pk, name="zero", external_id="42")
        MigrationExecutor(database).migrate([after])
        row = ConnectorState.objects.get()
        assert (row.connection_id, row.name, row.key, row.data) == (store.pk, "zero", "42", {})
        MigrationExecutor(database).migrate([before])
        assert list(old.objects.values_list("name", "external_id")) == [("zero", "42")]
    finally:
        call_command("migrate", verbosity=0)
