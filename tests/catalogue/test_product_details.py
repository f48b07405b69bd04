"""What is checked before a product is saved: barcodes, weights, dimensions, the HTML of descriptions."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogue.descriptions import Cleaned, clean, safe_html
from catalogue.errors import CatalogueError
from catalogue.models.keys import text_hash
from catalogue.services.details.codes import checked_barcode, gtin_digit, isbn10_digit
from catalogue.services.details.measures import grams, millimetres, size_text


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("4006381333931", "4006381333931"),
        ("73513537", "73513537"),
        ("036000291452", "036000291452"),
        ("10036000291459", "10036000291459"),
        ("978-3-16-148410-0", "9783161484100"),
        ("0-306-40615-2", "0306406152"),
        ("0-8044-2957-X", "080442957X"),
        ("SHELF 12-A", "SHELF 12-A"),
        ("5000123456", "5000123456"),  # ten digits that are no ISBN are the seller's own code
        ("", ""),
    ],
)
@pytest.mark.req("R-CAT-05")
def test_barcodes_are_stored_without_spaces_and_own_codes_as_typed(typed, stored):
    assert checked_barcode(typed) == stored


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (
            "4006381333932",
            "The check digit of the barcode 4006381333932 is wrong: it must be 1 (4006381333931).",
        ),
        ("73513538", "The check digit of the barcode 73513538 is wrong: it must be 7 (73513537)."),
        ("0-306-40615-3", "The check digit of the barcode 0306406153 is wrong: it must be 2 (0306406152)."),
    ],
)
@pytest.mark.req("R-CAT-05")
def test_a_wrong_check_digit_names_the_right_one(typed, sentence):
    with pytest.raises(CatalogueError) as caught:
        checked_barcode(typed)
    assert str(caught.value) == sentence


@settings(max_examples=25, deadline=None)
@given(st.from_regex(r"\A(?:[0-9]{7}|[0-9]{11}|[0-9]{12}|[0-9]{13})\Z"), st.integers(1, 9))
def test_one_changed_check_digit_is_always_found(body, more):
    right = gtin_digit(body)
    assert checked_barcode(body + right) == body + right
    with pytest.raises(CatalogueError, match=f"it must be {right} "):
        checked_barcode(body + str((int(right) + more) % 10))


def test_the_check_digit_of_an_isbn_may_be_x():
    assert isbn10_digit("080442957") == "X"


@pytest.mark.parametrize(
    ("typed", "whole"),
    [
        ("350", 350), ("350 g", 350), ("1.2 kg", 1200), ("1,2kg", 1200), ("12 oz", 340), ("2 lb", 907), (" ", None),
    ],
)  # fmt: skip
def test_weights_are_typed_with_their_unit(typed, whole):
    assert grams(typed) == whole


@pytest.mark.parametrize("typed", ["1.5", "heavy", "12 st", "-3 kg", "1e3", "²"])
def test_what_is_no_weight_is_refused(typed):
    with pytest.raises(CatalogueError):
        grams(typed)


@pytest.mark.parametrize(
    ("typed", "sides"),
    [
        ("12 x 8 x 5 cm", (120, 80, 50)),
        ("120 × 80 × 50 mm", (120, 80, 50)),
        ("5in x 2in x 1in", (127, 51, 25)),
        ("1 m x 20 cm x 5 mm", (1000, 200, 5)),
        ("", (None, None, None)),
    ],
)
def test_dimensions_are_typed_with_their_unit(typed, sides):
    assert millimetres(typed) == sides


@pytest.mark.parametrize("typed", ["12 x 8 cm", "12 x 8 x 5", "big", "1 x 2 x 3 ft", "1 x 2 x x"])
def test_what_is_no_size_is_refused(typed):
    with pytest.raises(CatalogueError):
        millimetres(typed)


def test_a_size_is_shown_as_it_can_be_typed():
    assert size_text(120, 85, 50) == "12 × 8.5 × 5 cm"
    assert millimetres(size_text(120, 85, 50)) == (120, 85, 50)
    assert size_text(120, None, 50) == ""


def test_safe_html_is_kept_and_what_is_removed_is_named():
    cleaned = clean(
        '<p onclick="x()">Good <b>mug</b></p><script>steal()</script><a href="javascript:x()">buy</a>'
        '<img src="x"><img src="y">'
    )

    assert cleaned.html == "<p>Good <b>mug</b></p><a>buy</a>"
    assert cleaned.removed == ("onclick of <p>", "<script>", "the address of a link", "<img> (2 times)")
    assert cleaned.sentence == (
        "Removed from the description, because stores do not accept it: onclick of <p>, <script>, "
        "the address of a link, <img> (2 times)."
    )


def test_a_text_without_html_and_an_allowed_one_stay_as_they_are():
    assert clean("5 < 6 & 7\r\nok") == Cleaned("5 < 6 & 7\nok", ())
    kept = '<ul><li>32 cm</li></ul><a href="https://a.example/?a=1">more</a>'
    assert (clean(kept).html, clean(kept).sentence) == (kept, "")


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet="<>/ab=\"' :&;script-!imgonerjv", max_size=60))
def test_nothing_dangerous_is_ever_shown(text):
    shown = safe_html(clean(text).html).lower()
    assert "<script" not in shown
    assert "<img" not in shown
    assert not re.search(r'href="[^"]*script:', shown)
    assert not re.search(r"<[^>]* on\w+=", shown)


def test_two_forms_of_one_description_have_one_hash():
    assert text_hash("<p>Carbon &amp; steel</p>") == text_hash("<div>Carbon & steel </div>\n")
    assert text_hash("Carbon") != text_hash("Steel")
    assert text_hash("<p> </p>") == text_hash("") == ""
