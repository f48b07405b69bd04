"""The declaration of warehouse systems: credentials, limit, adapter. The contract is `docs/wms-api.md`."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from channels.contract.spec import BudgetSpec, Capability, ChannelSpec, CredentialField, no, yes

NO_SHOP = _("A warehouse system is no sales channel.")

SPEC = ChannelSpec(
    key="wms",
    label="WMS",
    capabilities={
        capability: yes() if capability == Capability.WMS_HANDOVER else no(NO_SHOP)
        for capability in Capability
    },
    credential_fields=(
        CredentialField("url", _("Address"), _("Signed calls are sent to it."), is_url=True),
        CredentialField("secret", _("Secret"), _("Begins with whsec_."), is_secret=True),
        CredentialField("old_secret", _("Former secret"), is_secret=True, is_required=False),
    ),
    streams=(),
    budget=BudgetSpec(capacity=50, per_second=10),
    adapter="channels.connectors.wms.adapter.WmsAdapter",
    sandbox="channels.connectors.wms.sandbox.make_sandbox",
    orders_deduct_stock=False,
)
