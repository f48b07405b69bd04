"""What each channel can do is one table in the code (R-CAT-13), and it is this one."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from django.core.management import call_command

from channels.contract.registry import specs
from channels.contract.spec import Capability

pytestmark = pytest.mark.req("R-CAT-13", "R-CAT-10", "R-CAT-11", "R-CAT-12", "R-ORD-13", "R-PLUS-07")

#: One row a capability (or several that are alike): bigcommerce, opencart, onbuy, etsy, offline.
#: y = supported and on, o = supported and off until the store switches it on, n = not supported.
MATRIX = """
connect_oauth                                      y n n y n
connect_keys                                       y y y n n
pull_categories pull_attributes                    y y y y n
pull_brands                                        y n y n n
pull_carriers pull_products pull_single_product    y y y y n
pull_group_product                                 y n y y n
auto_update_products                               o n y n n
create_listing_single create_listing_group         y y y y n
update_listing                                     y y y y n
set_listing_active                                 y n n y n
delete_listing                                     n y n n n
push_stock push_price                              y y y y n
stock_locations                                    y n n n n
pull_orders pull_order_updates history_90_days     y y y y n
pull_cancellations                                 n n n y n
manual_orders                                      n n n n y
webhooks                                           y y n y n
push_ready_to_ship                                 y y y y n
push_shipped                                       y y o n n
push_delivered                                     n n n n n
push_completed                                     o y n n n
push_seller_cancel                                 y o y n n
split_shipments                                    y n y n y
channel_shipping                                   n y n n n
self_shipping wms_handover                         y y y y y
"""
COLUMNS = ("bigcommerce", "opencart", "onbuy", "etsy", "offline")


def cells() -> Iterator[tuple[str, str, str]]:
    for line in MATRIX.strip().splitlines():
        *names, _a, _b, _c, _d, _e = words = line.split()
        for name in names:
            for channel, mark in zip(COLUMNS, words[-5:], strict=True):
                yield channel, name, mark


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, dict[str, object]]]:
    call_command("capabilities", "--json")
    answer: dict[str, dict[str, dict[str, object]]] = json.loads(capsys.readouterr().out)
    return answer


def test_the_command_prints_the_matrix(capsys: pytest.CaptureFixture[str]) -> None:
    answer = printed(capsys)
    assert set(answer) == set(COLUMNS) == set(specs())
    marks = {
        (channel, name): "y" if cell["default"] else "o" if cell["supported"] else "n"
        for channel, column in answer.items()
        for name, cell in column.items()
    }
    assert marks == {(channel, name): mark for channel, name, mark in cells()}


def test_every_capability_has_its_row() -> None:
    assert {name for _channel, name, _mark in cells()} == {str(capability) for capability in Capability}


def test_every_no_and_every_off_has_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    answer = printed(capsys)
    silent = [
        (channel, name)
        for channel, name, mark in cells()
        if mark != "y" and not answer[channel][name].get("reason")
    ]
    assert silent == []
