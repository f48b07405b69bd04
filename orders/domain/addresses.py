"""What is wrong with an address to ship to: missing parts, and postcodes that a country does not have; and its problem."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from orders import problem_codes
from orders.unit_of_work.order_state import OrderState

_FOUR, _FIVE, _SIX = r"\d{4}", r"\d{5}", r"\d{6}"
_THREE_TWO = r"\d{3} ?\d{2}"
_BRITISH = r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|GIR ?0AA|BFPO ?\d{1,4}"

#: Country -> the form of its postcodes, in capitals and without the country's own letters before it.
POSTCODES: Mapping[str, re.Pattern[str]] = {
    country: re.compile(form)
    for form, countries in (
        (_FOUR, "AT AU BE BG CH CY DK HU LI LU LV NO NZ SI ZA"),
        (_FIVE, "DE EE ES FI FR HR IT LT MX MC SM TR UA RS"),
        (_SIX, "CN RO SG"),
        (_THREE_TWO, "CZ GR SE SK"),
        (_BRITISH, "GB GG IM JE"),
        (r"\d{5}(-?\d{4})?", "US PR"),
        (r"[A-Z]\d[A-Z][ -]?\d[A-Z]\d", "CA"),
        (r"\d{4} ?[A-Z]{2}", "NL"),
        (r"\d{2}-?\d{3}", "PL"),
        (r"\d{4}(-?\d{3})?", "PT"),
        (r"\d{3}-?\d{4}", "JP"),
        (r"\d{5}-?\d{3}", "BR"),
        (r"\d{3} ?\d{3}", "IN"),
        (r"\d{5}|\d{3}-?\d{3}", "KR"),
        (r"\d{3}", "IS"),
        (r"[A-Z]{3} ?\d{2,4}", "MT"),
        (r"[A-Z]\d[\dW] ?[A-Z\d]{4}", "IE"),
    )
    for country in countries.split()
}
#: Countries where a postcode is not required, though those that are written have a form.
_OPTIONAL = frozenset({"IE"})
#: Countries whose addresses need a state or province, and those that are one town.
_WITH_REGION = frozenset({"US", "CA", "AU"})
_ONE_TOWN = frozenset({"SG", "HK", "MO", "MC", "GI"})


def faults_of(address: Mapping[str, Any], *, name: str = "") -> list[str]:
    """Return what is wrong with an address, one short sentence for each part; [] for one that a label can have.

    `name` is the buyer's name, for an address that has none. Of countries whose postcodes are not known here, only the
    parts are checked.
    """
    parts = {key: " ".join(str(address.get(key) or "").split()) for key in address}
    country = parts.get("country", "").upper()
    found = []
    if not (parts.get("name") or parts.get("company") or name.strip()):
        found.append(_("The name is missing."))
    if not (parts.get("line1") or parts.get("line2")):
        found.append(_("The street is missing."))
    if not parts.get("city") and country not in _ONE_TOWN:
        found.append(_("The town is missing."))
    if country in _WITH_REGION and not parts.get("region"):
        found.append(_("The state or province is missing."))
    if not country:
        found.append(_("The country is missing."))
    elif not re.fullmatch(r"[A-Z]{2}", country):
        found.append(_("“%s” is not a country code of two letters.") % country)
    form = POSTCODES.get(country)
    postcode = parts.get("postcode", "").upper()
    if form is not None and not postcode and country not in _OPTIONAL:
        found.append(_("The postcode is missing."))
    elif form is not None and postcode:
        bare = postcode
        if form.pattern.startswith(
            r"\d"
        ):  # the country's letters may stand before the digits: A-1010, LV-1010
            bare = re.sub(r"^[A-Z]{1,3}[ -](?=\d)", "", postcode)
        if not form.fullmatch(bare):
            found.append(
                _("“%(postcode)s” is not a postcode of %(country)s.")
                % {"postcode": postcode[:20], "country": country}
            )
    return found


#: The problems about an address that end together.
CODES = (
    problem_codes.ADDRESS_MISSING,
    problem_codes.ADDRESS_WITHHELD,
    problem_codes.ADDRESS_INVALID,
)


def check_parts(order_state: OrderState) -> None:
    """Open the problem that parts of the address are missing or wrong, with their names; close it when none is.

    An address that did not change since it was checked is not checked again: the problem may have been dismissed.
    """
    order = order_state.order
    was = order_state.snapshots.get(id(order))
    if order.shipped_at is not None or (was is not None and was["ship_to"] == order.ship_to):
        return
    faults = faults_of(order.ship_to, name=order.customer_name)
    if order_state.problems or order_state.new_problems:
        order_state.close_problem(
            problem_codes.ADDRESS_INVALID,
            _("The address was changed again.") if faults else _("The address is complete now."),
        )
    if faults:
        order_state.open_problem(
            problem_codes.ADDRESS_INVALID,
            _("%(faults)s Correct the address, or dismiss this problem if it is right.")
            % {"faults": " ".join(faults)},
        )
