"""A connector is a folder: a copy of one under a new key works without a change anywhere else.

The copy lies in a temporary package outside the repository. The checks that every channel must pass run over it in a
process of their own, which knows it by `OMS_CHANNELS`; and the engine connects a store of it, imports, and sends.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalogue.models import ListingVariant
from channels.connectors import opencart
from channels.contract import registry
from channels.contract.errors import Rejected
from channels.contract.records.updates import StockUpdate
from channels.contract.spec import ChannelSpec, imported
from channels.models import Connection
from channels.pull import runner
from channels.stores import connect
from oms.kit.models import Job
from orders.models import Order
from tests.support.workers import work

pytestmark = pytest.mark.req("R-CAT-13")

ROOT = Path(__file__).resolve().parent.parent.parent
KEY = "teashop"
#: The checks of `test_contract` that the copy runs: declaration, connecting, importing, sending.
CHECKS = (
    "declared or streams_are or native_word or right_credentials or pages_hold or products_are_whole "
    "or orders_are_whole or changed_since or stock_arrives or price_and_selling or told_once"
)


def copy_of(name: str, package: Path) -> str:
    """Copy the folder of a connector into this package under the key `teashop`; returns its dotted path."""
    source = Path(next(iter(opencart.__path__))).parent / name
    for file in source.rglob("*.py"):
        target = package / KEY / file.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = file.read_text(encoding="utf-8").replace(
            f"channels.connectors.{name}", f"{package.name}.{KEY}"
        )
        target.write_text(text.replace(f'"{name}"', f'"{KEY}"'), encoding="utf-8")
    (package / "__init__.py").touch()
    return f"{package.name}.{KEY}"


@pytest.mark.parametrize("name", ["opencart", "onbuy"])
def test_a_copy_passes_the_checks_of_every_channel(tmp_path: Path, name: str) -> None:
    path = copy_of(name, tmp_path / "copies")
    settings = f"from tests.settings import *\nOMS_CHANNELS = [{path!r}]\n"
    (tmp_path / "copies" / "settings.py").write_text(settings, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-k", CHECKS]
    done = subprocess.run(
        [*command, "tests/channels/test_contract.py", "--ds=copies.settings"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "DATABASE_URL": "", "REDIS_URL": ""},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert f"[{KEY}]" not in done.stdout  # nothing failed
    assert " passed" in done.stdout


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChannelSpec]:
    """The spec of a copy of OpenCart's connector, known to this process for the test."""
    path = copy_of("opencart", tmp_path / "copied_here")
    monkeypatch.syspath_prepend(str(tmp_path))
    spec: ChannelSpec = imported(f"{path}.channel.SPEC")
    monkeypatch.setitem(registry.specs(), KEY, spec)
    yield spec
    for module in [each for each in sys.modules if each.split(".")[0] == "copied_here"]:
        del sys.modules[module]


@pytest.mark.django_db(transaction=True)
def test_the_engine_connects_imports_and_sends_for_a_copy(copied: ChannelSpec) -> None:
    assert (copied.key, copied.adapter) == (KEY, "copied_here.teashop.adapter.OpenCartAdapter")
    with copied.make_sandbox(seed="empty", products=4, orders=3).serve() as running:
        store = connect.connect(channel=KEY, name="Tea shop", credentials=running.credentials)
        work()

        assert Connection.objects.get(pk=store.pk).spec is copied
        assert not Job.objects.exclude(state=Job.State.DONE).exists()
        assert Order.objects.filter(connection=store).count() == 3
        listed = list(ListingVariant.objects.filter(listing__connection=store))
        assert len(listed) >= 4

        adapter = runner.adapter_of(store)
        assert type(adapter).__module__ == "copied_here.teashop.adapter"
        good, bad = adapter.push_stock(
            [
                StockUpdate("a", "", listed[0].external_id, listed[0].external_sku, 17),
                StockUpdate("b", "", "999999", "NONE", 1),
            ]
        )
        assert good.ok
        assert isinstance(bad.error, Rejected)
        assert int(running.sandbox.product(int(listed[0].external_id.partition("-")[0]))["quantity"]) == 17
