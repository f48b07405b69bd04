"""Carrier codes of `createReceiptShipment` (`etsy.md` §7): those of Etsy's own list, which follows no rule.

A name that is not on that list would complete the order without its number, so every other carrier is sent as `other`,
which Etsy takes with any number. These are the carriers that sellers use most; the store's carrier map has priority.
"""

from __future__ import annotations

import re

from django.utils.translation import gettext as _

from channels.contract.carriers.names import carrier_key, find_carrier
from channels.contract.records.orders import CarrierRecord

OTHER = "other"

CODES = frozenset(
    """
    4px amazon an-post apc aramex asendia-uk asendia-usa australia-post austrian-post bgpost bluedart bpost
    bpost-international brazil-correios canada-post canpar ceska-posta china-ems china-post chitchats
    chronopost-france chronopost-portugal colissimo collectplus correos-chile correos-de-mexico couriers-please
    cyprus-post deutsch-post dhl dhl-benelux dhl-es dhl-germany dhl-global-mail dhl-nl dhl-poland directlink dpd dpd-de
    dpd-poland dpd-uk dtdc elta-courier estafeta fastway-au fastway-ireland fedex fedex-uk globegistics gls
    guernsey-post hermes hermes-de hermes-it hong-kong-post hrvatska-posta india-post interlink-express
    isle-of-man-post israel-post italy-sda japan-post jersey-post korea-post la-poste-colissimo landmark-global
    lasership latvijas-pasts lietuvos-pastas magyar-posta maltapost mondialrelay mrw-spain myhermes-uk nacex-spain
    new-zealand-post nova-poshta ontrac other parcel-force poczta-polska portugal-ctt posta-romana posta-slovenije
    poste-italiane posten-norge posti postnl postnl-international postnord ptt-posta purolator royal-mail sagawa sapo
    sendle sf-express singapore-post slovenska-posta spain-correos-es spanish-seur star-track sweden-posten swiss-post
    taiwan-post thailand-post tnt tnt-au tnt-fr tnt-it tnt-uk uk-mail ukrposhta ups usps whistl yanwen yodel
    """.split()
)

#: Names, as `carrier_key` writes them, whose code is not the name itself.
NAMES = {
    "chronopost": "chronopost-france",
    "collect": "collectplus",
    "correos": "spain-correos-es",
    "ctt": "portugal-ctt",
    "deutschepost": "deutsch-post",
    "dhlpaket": "dhl-germany",
    "dpdgermany": "dpd-de",
    "hermesgermany": "hermes-de",
    "laposte": "la-poste-colissimo",
    "mrw": "mrw-spain",
    "myhermes": "myhermes-uk",
    "nacex": "nacex-spain",
    "osterreichischepost": "austrian-post",
    "ptt": "ptt-posta",
    "sda": "italy-sda",
    "seur": "spanish-seur",
}
_KNOWN = {**{carrier_key(code): code for code in CODES}, **NAMES}
_CODE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def code_of(name: str) -> str:
    """Return Etsy's code of a carrier's name; `other` where none is known."""
    return find_carrier(name, _KNOWN) or OTHER


def sent(code: str, name: str) -> str:
    """Return the code to send: the store's own where it has the form of a code, else that of its words or of the name."""
    return code if _CODE.fullmatch(code) else code_of(code or name)


def record(name: str) -> CarrierRecord:
    """Return a carrier of `/shipping-carriers`; those whose code is not known are one entry of the map."""
    code = code_of(name)
    return CarrierRecord(code, _("Other") if code == OTHER else name)


def name_of(name: str) -> str:
    """Return the carrier of a shipment at Etsy; "other" is no name."""
    return "" if name.lower() == OTHER else name
