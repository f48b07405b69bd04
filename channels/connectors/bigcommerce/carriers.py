"""How BigCommerce names carriers: a provider of its own, or a code of AfterShip, never both (`bigcommerce.md` §5)."""

from __future__ import annotations

from collections.abc import Mapping

from channels.contract.carriers.names import find_carrier
from channels.contract.records.orders import CarrierRecord

PROVIDER, SLUG = "provider:", "slug:"
LINK = 500  # characters of a link that BigCommerce allows

#: A carrier's name as `carrier_key` writes it -> its name in BigCommerce. Royal Mail has no slug.
NAMES: Mapping[str, str] = {
    "royalmail": "provider:royalmail",
    "parcelforce": "slug:parcel-force",
    "dpd": "slug:dpd-uk",
    "dpdlocal": "slug:interlink-express",
    "myhermes": "slug:myhermes-uk",
    "yodel": "slug:yodel",
    "dhl": "slug:dhlparcel-uk",
    "dhlexpress": "",  # another network: its numbers have no link at DHL Parcel
    "tuffnells": "slug:tuffnells",
    "dx": "slug:dx",
    "apc": "slug:apc-overnight",
    "tnt": "slug:tnt-uk",
    "whistl": "slug:whistl",
    "collectplus": "slug:collectplus",
    "ups": "provider:ups",
    "fedex": "provider:fedex",
    "usps": "provider:usps",
    "colissimo": "slug:colissimo",
    "laposte": "slug:la-poste-colissimo",
    "chronopost": "slug:chronopost-france",
    "colisprive": "slug:colis-prive",
    "mondialrelay": "slug:mondialrelay",
    "dpdfrance": "slug:dpd-fr-reference",
    "exapaq": "slug:exapaq",
    "tntfrance": "slug:tnt-fr",
}
#: The same names in a French store.
FRANCE: Mapping[str, str] = {"dpd": "slug:dpd-fr-reference", "tnt": "slug:tnt-fr", "dhl": "slug:dhl"}
_SHOWN: Mapping[str, str] = {
    "Royal Mail": "provider:royalmail", "Parcelforce": "slug:parcel-force", "DPD": "slug:dpd-uk", "DPD Local": "slug:interlink-express",
    "Evri": "slug:myhermes-uk", "Yodel": "slug:yodel", "DHL Parcel UK": "slug:dhlparcel-uk", "Tuffnells": "slug:tuffnells", "DX": "slug:dx",
    "APC Overnight": "slug:apc-overnight", "TNT UK": "slug:tnt-uk", "Whistl": "slug:whistl", "UPS": "provider:ups", "FedEx": "provider:fedex",
    "Colissimo": "slug:colissimo", "Chronopost": "slug:chronopost-france", "Colis Privé": "slug:colis-prive", "Mondial Relay": "slug:mondialrelay",
    "DPD France": "slug:dpd-fr-reference", "TNT France": "slug:tnt-fr",
}  # fmt: skip


def known() -> list[CarrierRecord]:
    """Return the carriers whose parcels BigCommerce can link."""
    return [CarrierRecord(code, name) for name, code in _SHOWN.items()]


def fields(*, name: str, code: str, tracking_url: str, country: str = "") -> dict[str, str]:
    """Return the carrier's fields of a shipment: provider, or slug, or a link; the provider is always sent.

    Without it BigCommerce takes “custom” and shows the number without a link. `country` is the store's.
    """
    names = {**NAMES, **FRANCE} if country == "FR" else NAMES
    given = code if code.startswith((PROVIDER, SLUG)) else find_carrier(name, names) or ""
    body = {"shipping_provider": ""}
    if given.startswith(PROVIDER):
        body["shipping_provider"] = given.removeprefix(PROVIDER)
    elif given.startswith(SLUG):
        body["tracking_carrier"] = given.removeprefix(SLUG)
    elif tracking_url and len(tracking_url) <= LINK:  # a cut-off link would not work
        body["tracking_link"] = tracking_url
    if name:
        body["shipping_method"] = name
    return body
