"""What `createReceiptShipment` calls a carrier (`etsy.md` §7): a code of Etsy's own list, which follows no rule.

A name that is not on that list would complete the order without its number, so every other carrier is told as `other`,
which Etsy takes with any number. These are the carriers that sellers use most; the store's carrier map wins.
"""

from __future__ import annotations

import re
import unicodedata

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

#: Names whose code is not simply the name in small letters with dashes.
NAMES = {
    "amazon-logistics": "amazon",
    "blue-dart": "bluedart",
    "chit-chats": "chitchats",
    "chronopost": "chronopost-france",
    "collect": "collectplus",
    "correos": "spain-correos-es",
    "ctt": "portugal-ctt",
    "deutsche-post": "deutsch-post",
    "dhl-express": "dhl",
    "dhl-paket": "dhl-germany",
    "direct-link": "directlink",
    "dpd-germany": "dpd-de",
    "hermes-germany": "hermes-de",
    "hermes-uk": "hermes",
    "la-poste": "la-poste-colissimo",
    "malta-post": "maltapost",
    "mondial-relay": "mondialrelay",
    "mrw": "mrw-spain",
    "myhermes": "myhermes-uk",
    "nacex": "nacex-spain",
    "osterreichische-post": "austrian-post",
    "parcelforce": "parcel-force",
    "parcelforce-worldwide": "parcel-force",
    "ptt": "ptt-posta",
    "sda": "italy-sda",
    "seur": "spanish-seur",
    "startrack": "star-track",
}
_CODE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def code_of(name: str) -> str:
    """Etsy's code of a carrier's name; `other` where it has none that we know."""
    bare = unicodedata.normalize("NFKD", name.strip().lower()).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^a-z0-9]+", "-", bare).strip("-")
    plain = NAMES.get(plain, plain)
    return plain if plain in CODES else OTHER


def told(code: str, name: str) -> str:
    """What is sent: the store's own code where it has the form of one, else the code of that word or of the name."""
    return code if _CODE.fullmatch(code) else code_of(code or name)


def record(name: str) -> CarrierRecord:
    """A carrier of `/shipping-carriers`; those whose code is not known are one line of the map."""
    code = code_of(name)
    return CarrierRecord(code, "Other" if code == OTHER else name)


def name_of(name: str) -> str:
    """Who carries a parcel that Etsy shows; "other" is nobody's name."""
    return "" if name.lower() == OTHER else name
