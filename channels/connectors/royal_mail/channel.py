"""The declaration of Royal Mail Click & Drop: credentials, limits, what it can do and why not (`channels/carriers.md` §4)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from channels.contract.carriers.spec import CarrierCapability, CarrierSpec, channel_capabilities
from channels.contract.spec import BudgetSpec, BudgetWindow, CredentialField, no, yes

C = CarrierCapability
_PDF_ONLY = _("Click & Drop makes labels as PDF only.")

SPEC = CarrierSpec(
    key="royal_mail",
    label="Royal Mail Click & Drop",
    capabilities=channel_capabilities(),
    carrier_capabilities={
        C.SERVICES: no(_("Click & Drop has no list of services: enter the service code of your contract.")),
        C.RATES: no(_("Click & Drop shows no prices: your contract has them.")),
        C.BUY: yes(),
        C.PDF: yes(),
        C.PNG: no(_PDF_ONLY),
        C.ZPL: no(_PDF_ONLY),
        C.CUSTOMS: yes(),
        C.CANCEL: yes(),
        C.RETURNS: no(_("This version of Click & Drop's API has no return labels.")),
        C.FIND: yes(),
        C.TRACK: yes(_("Printed, on a manifest, shipped. Click & Drop does not report the delivery.")),
        C.WEBHOOKS: no(_("Click & Drop has no webhooks: Manifold asks.")),
        C.MANIFEST: yes(),
        C.TEST_MODE: no(_("Royal Mail has no test accounts.")),
    },
    credential_fields=(
        CredentialField(
            "api_key",
            _("API key"),
            _(
                "In Click & Drop: Settings » Integrations » Click & Drop API. Labels need a business account (OBA)."
            ),
            is_secret=True,
        ),
        CredentialField(
            "carrier_name",
            _("Carrier name for manifests"),
            _(
                "Needed where the account has several carriers or posting locations. Otherwise leave it empty."
            ),
            is_required=False,
        ),
        CredentialField(
            "api_url",
            _("Address of the API"),
            _("Leave it empty. Only a test server has another address."),
            is_required=False,
            is_url=True,
        ),
    ),
    streams=(),
    budget=BudgetSpec(capacity=5, per_second=5, windows=(BudgetWindow(1, 5),)),  # 5 calls a second, then 429
    adapter="channels.connectors.royal_mail.adapter.RoyalMailAdapter",
    sandbox="channels.connectors.royal_mail.sandbox.make_sandbox",
    orders_deduct_stock=False,
)
