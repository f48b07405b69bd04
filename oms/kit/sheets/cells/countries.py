"""Countries: the ISO code of a name in English or French."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

#: ISO 3166 alpha-2, alpha-3, and names in English and French.
_TABLE = """
AD AND Andorra|Andorre
AE ARE United Arab Emirates|Émirats arabes unis|UAE
AR ARG Argentina|Argentine
AT AUT Austria|Autriche|Österreich
AU AUS Australia|Australie
BE BEL Belgium|Belgique|België
BG BGR Bulgaria|Bulgarie
BR BRA Brazil|Brésil
CA CAN Canada
CH CHE Switzerland|Suisse|Schweiz
CL CHL Chile|Chili
CN CHN China|Chine
CO COL Colombia|Colombie
CY CYP Cyprus|Chypre
CZ CZE Czech Republic|Czechia|République tchèque|Tchéquie
DE DEU Germany|Allemagne|Deutschland
DK DNK Denmark|Danemark|Danmark
DZ DZA Algeria|Algérie
EE EST Estonia|Estonie
EG EGY Egypt|Égypte
ES ESP Spain|Espagne|España
FI FIN Finland|Finlande
FR FRA France
GB GBR United Kingdom|Royaume-Uni|UK|Great Britain|Grande-Bretagne|England|Angleterre|Scotland|Écosse|Wales|Pays de Galles|Northern Ireland|Irlande du Nord
GF GUF French Guiana|Guyane française|Guyane
GG GGY Guernsey|Guernesey
GI GIB Gibraltar
GP GLP Guadeloupe
GR GRC Greece|Grèce
HK HKG Hong Kong
HR HRV Croatia|Croatie
HU HUN Hungary|Hongrie
ID IDN Indonesia|Indonésie
IE IRL Ireland|Irlande|Republic of Ireland
IL ISR Israel|Israël
IM IMN Isle of Man|Île de Man
IN IND India|Inde
IS ISL Iceland|Islande
IT ITA Italy|Italie|Italia
JE JEY Jersey
JP JPN Japan|Japon
KR KOR South Korea|Corée du Sud
LI LIE Liechtenstein
LT LTU Lithuania|Lituanie
LU LUX Luxembourg
LV LVA Latvia|Lettonie
MA MAR Morocco|Maroc
MC MCO Monaco
MQ MTQ Martinique
MT MLT Malta|Malte
MX MEX Mexico|Mexique
MY MYS Malaysia|Malaisie
NC NCL New Caledonia|Nouvelle-Calédonie
NL NLD Netherlands|Pays-Bas|The Netherlands|Nederland|Holland
NO NOR Norway|Norvège|Norge
NZ NZL New Zealand|Nouvelle-Zélande
PF PYF French Polynesia|Polynésie française
PH PHL Philippines
PL POL Poland|Pologne|Polska
PT PRT Portugal
RE REU Réunion|La Réunion
RO ROU Romania|Roumanie
RS SRB Serbia|Serbie
SA SAU Saudi Arabia|Arabie saoudite
SE SWE Sweden|Suède|Sverige
SG SGP Singapore|Singapour
SI SVN Slovenia|Slovénie
SK SVK Slovakia|Slovaquie
SN SEN Senegal|Sénégal
TH THA Thailand|Thaïlande
TN TUN Tunisia|Tunisie
TR TUR Turkey|Turquie|Türkiye
TW TWN Taiwan|Taïwan
UA UKR Ukraine
US USA United States|États-Unis|United States of America|USA|Etats-Unis d'Amérique
VN VNM Vietnam|Viêt Nam
YT MYT Mayotte
ZA ZAF South Africa|Afrique du Sud
"""


def country_code(text: str) -> str:
    """Return the ISO 3166 alpha-2 code of a country's name or code; "" when it is not known.

    A code of two letters is returned as it is, in capitals: whether it exists is checked where orders are created.
    """
    word = text.strip()
    if len(word) == 2 and word.isascii() and word.isalpha() and word.upper() != "UK":
        return word.upper()
    return _names().get(_folded(word), "")


@lru_cache
def _names() -> dict[str, str]:
    names: dict[str, str] = {}
    for row in _TABLE.strip().splitlines():
        code, long_code, listed = row.split(" ", 2)
        names |= {_folded(name): code for name in (long_code, *listed.split("|"))}
    return names


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.replace("’", "'").replace("-", " ")).casefold()
    return " ".join("".join(letter for letter in decomposed if not unicodedata.combining(letter)).split())
