"""Rotating the credential keys: `manage.py rotate_credentials`."""

from __future__ import annotations

from io import StringIO

import pytest
from cryptography.fernet import Fernet, InvalidToken
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings

from channels.models import Connection
from oms.kit.management.cli import database_name

pytestmark = pytest.mark.django_db
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def stored(store: Connection) -> bytes:
    with connection.cursor() as cursor:
        cursor.execute("select credentials from channels_connection where id = %s", [store.pk])
        return bytes(cursor.fetchone()[0])


@pytest.fixture
def store() -> Connection:
    with override_settings(OMS_CREDENTIAL_KEYS=[OLD]):
        return Connection.objects.create(
            channel="opencart", name="UK Shop", fingerprint="uk", credentials={"secret_key": "s3cret-of-uk"}
        )


def test_credentials_are_stored_with_the_newest_key(store: Connection) -> None:
    with override_settings(OMS_CREDENTIAL_KEYS=[NEW, OLD]):
        out = StringIO()
        call_command("rotate_credentials", stdout=out)
    assert out.getvalue() == f"1 stores in {database_name()}: credentials encrypted with the newest key.\n"
    assert Fernet(NEW).decrypt(stored(store)) == b'{"secret_key": "s3cret-of-uk"}'
    with pytest.raises(InvalidToken):
        Fernet(OLD).decrypt(stored(store))


def test_without_the_old_key_nothing_changes_and_the_sentence_says_what_to_do(store: Connection) -> None:
    before = stored(store)
    with override_settings(OMS_CREDENTIAL_KEYS=[NEW]), pytest.raises(CommandError) as error:
        call_command("rotate_credentials")
    assert "Add their key again" in str(error.value)
    assert error.value.returncode == 2
    assert stored(store) == before


def test_credentials_never_stand_in_the_clear(store: Connection) -> None:
    assert b"s3cret-of-uk" not in stored(store)
    with override_settings(OMS_CREDENTIAL_KEYS=[OLD]):
        loaded = Connection.objects.get(pk=store.pk)
        assert loaded.credentials == {"secret_key": "s3cret-of-uk"}
        assert "s3cret" not in repr(loaded.credentials) + str(loaded.credentials)
        assert Connection._meta.get_field("credentials").value_to_string(loaded) == ""


@pytest.mark.fault("F-62")
def test_a_database_without_any_store_is_the_wrong_one() -> None:
    with pytest.raises(CommandError) as error:
        call_command("rotate_credentials")
    assert str(error.value) == (
        f"There is no store in {database_name()}. Is that the database of this installation? Nothing was changed."
    )
    assert error.value.returncode == 2
