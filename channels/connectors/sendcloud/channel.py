"""The declaration of Sendcloud: credentials, limits, what it can do and why not (`channels/carriers.md` §3)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from channels.contract.carriers.spec import CarrierCapability, CarrierSpec, channel_capabilities
from channels.contract.spec import BudgetSpec, BudgetWindow, CredentialField, no, yes

C = CarrierCapability
#: The only option that costs nothing: an unstamped letter. Sendcloud has no test host.
FREE = "sendcloud:letter"

SPEC = CarrierSpec(
    key="sendcloud",
    label="Sendcloud",
    capabilities=channel_capabilities(),
    carrier_capabilities={
        C.SERVICES: yes(),
        C.RATES: yes(),
        C.BUY: yes(),
        C.PDF: yes(),
        C.PNG: yes(),
        C.ZPL: yes(),
        C.CUSTOMS: yes(),
        C.CANCEL: yes(),
        C.RETURNS: yes(),
        C.FIND: yes(),
        C.TRACK: yes(),
        C.WEBHOOKS: yes(),
        C.MANIFEST: no(_("Sendcloud's API has no manifest: the carrier scans the parcels.")),
        C.TEST_MODE: yes(),
    },
    credential_fields=(
        CredentialField(
            "public_key", _("Public key"), _("In Sendcloud: Settings » Integrations » Sendcloud API.")
        ),
        CredentialField("secret_key", _("Secret key"), _("Beside the public key."), is_secret=True),
        CredentialField(
            "api_url",
            _("Address of the API"),
            _("Leave it empty. Only a test server has another address."),
            is_required=False,
            is_url=True,
        ),
    ),
    streams=(),
    # 1,000 reads and 100 writes a minute, 15 writes at once.
    budget=BudgetSpec(capacity=30, per_second=15, windows=(BudgetWindow(60, 100, "POST"),)),
    adapter="channels.connectors.sendcloud.adapter.SendcloudAdapter",
    sandbox="channels.connectors.sendcloud.sandbox.make_sandbox",
    orders_deduct_stock=False,
    free_service=FREE,
)
