"""The declaration of own delivery: Manifold makes the numbers and the labels; no API is called."""

from __future__ import annotations

from typing import cast

from django.utils.translation import gettext_lazy as _

from channels.contract.carriers.spec import CarrierCapability, CarrierSpec, channel_capabilities
from channels.contract.spec import BudgetSpec, no, yes

C = CarrierCapability
_OWN = _("Manifold prints this label itself, as PDF.")

SPEC = CarrierSpec(
    key="house",
    label=cast("str", _("Own delivery")),  # translated when it is shown
    capabilities=channel_capabilities(),
    carrier_capabilities={
        C.SERVICES: yes(),
        C.RATES: no(_("Own delivery has no prices.")),
        C.BUY: yes(),
        C.PDF: yes(),
        C.PNG: no(_OWN),
        C.ZPL: no(_OWN),
        C.CUSTOMS: no(_("Own delivery does not clear customs.")),
        C.CANCEL: yes(),
        C.RETURNS: yes(),
        C.FIND: yes(),
        C.TRACK: no(_("Nobody scans these parcels: enter what happened by hand, Excel or the API.")),
        C.WEBHOOKS: no(_("Nobody scans these parcels: enter what happened by hand, Excel or the API.")),
        C.MANIFEST: no(_("Manifold's own manifest is the list for the driver.")),
        C.TEST_MODE: no(_("Its labels cost nothing.")),
    },
    credential_fields=(),
    streams=(),
    budget=BudgetSpec(capacity=1000, per_second=1000),
    adapter="channels.connectors.house.adapter.HouseAdapter",
    orders_deduct_stock=False,
    own_numbers=True,
)
