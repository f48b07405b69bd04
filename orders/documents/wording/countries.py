"""Names of countries on documents: carriers want the country in words. Others are printed as their code."""

from __future__ import annotations

from django.utils.translation import pgettext_lazy

from orders.documents.wording.words import in_language

NAMES = {
    "AD": pgettext_lazy("document", "Andorra"),
    "AE": pgettext_lazy("document", "United Arab Emirates"),
    "AR": pgettext_lazy("document", "Argentina"),
    "AT": pgettext_lazy("document", "Austria"),
    "AU": pgettext_lazy("document", "Australia"),
    "BE": pgettext_lazy("document", "Belgium"),
    "BG": pgettext_lazy("document", "Bulgaria"),
    "BR": pgettext_lazy("document", "Brazil"),
    "CA": pgettext_lazy("document", "Canada"),
    "CH": pgettext_lazy("document", "Switzerland"),
    "CL": pgettext_lazy("document", "Chile"),
    "CN": pgettext_lazy("document", "China"),
    "CY": pgettext_lazy("document", "Cyprus"),
    "CZ": pgettext_lazy("document", "Czechia"),
    "DE": pgettext_lazy("document", "Germany"),
    "DK": pgettext_lazy("document", "Denmark"),
    "EE": pgettext_lazy("document", "Estonia"),
    "EG": pgettext_lazy("document", "Egypt"),
    "ES": pgettext_lazy("document", "Spain"),
    "FI": pgettext_lazy("document", "Finland"),
    "FR": pgettext_lazy("document", "France"),
    "GB": pgettext_lazy("document", "United Kingdom"),
    "GG": pgettext_lazy("document", "Guernsey"),
    "GI": pgettext_lazy("document", "Gibraltar"),
    "GR": pgettext_lazy("document", "Greece"),
    "HK": pgettext_lazy("document", "Hong Kong"),
    "HR": pgettext_lazy("document", "Croatia"),
    "HU": pgettext_lazy("document", "Hungary"),
    "IE": pgettext_lazy("document", "Ireland"),
    "IL": pgettext_lazy("document", "Israel"),
    "IM": pgettext_lazy("document", "Isle of Man"),
    "IN": pgettext_lazy("document", "India"),
    "IS": pgettext_lazy("document", "Iceland"),
    "IT": pgettext_lazy("document", "Italy"),
    "JE": pgettext_lazy("document", "Jersey"),
    "JP": pgettext_lazy("document", "Japan"),
    "KR": pgettext_lazy("document", "South Korea"),
    "LI": pgettext_lazy("document", "Liechtenstein"),
    "LT": pgettext_lazy("document", "Lithuania"),
    "LU": pgettext_lazy("document", "Luxembourg"),
    "LV": pgettext_lazy("document", "Latvia"),
    "MA": pgettext_lazy("document", "Morocco"),
    "MC": pgettext_lazy("document", "Monaco"),
    "MT": pgettext_lazy("document", "Malta"),
    "MX": pgettext_lazy("document", "Mexico"),
    "MY": pgettext_lazy("document", "Malaysia"),
    "NL": pgettext_lazy("document", "Netherlands"),
    "NO": pgettext_lazy("document", "Norway"),
    "NZ": pgettext_lazy("document", "New Zealand"),
    "PL": pgettext_lazy("document", "Poland"),
    "PT": pgettext_lazy("document", "Portugal"),
    "RO": pgettext_lazy("document", "Romania"),
    "RS": pgettext_lazy("document", "Serbia"),
    "RU": pgettext_lazy("document", "Russia"),
    "SA": pgettext_lazy("document", "Saudi Arabia"),
    "SE": pgettext_lazy("document", "Sweden"),
    "SG": pgettext_lazy("document", "Singapore"),
    "SI": pgettext_lazy("document", "Slovenia"),
    "SK": pgettext_lazy("document", "Slovakia"),
    "TH": pgettext_lazy("document", "Thailand"),
    "TN": pgettext_lazy("document", "Tunisia"),
    "TR": pgettext_lazy("document", "Türkiye"),
    "TW": pgettext_lazy("document", "Taiwan"),
    "UA": pgettext_lazy("document", "Ukraine"),
    "US": pgettext_lazy("document", "United States"),
    "VN": pgettext_lazy("document", "Vietnam"),
    "ZA": pgettext_lazy("document", "South Africa"),
}


def country_name(code: str, language: str) -> str:
    """Return the name of a country in the language of the document; its code where this list has no name."""
    with in_language(language):
        return str(NAMES.get(code.upper(), code.upper()))
