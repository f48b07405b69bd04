"""Text from outside, the fonts, the templates and the French words: what would silently print wrong text."""

from __future__ import annotations

import gettext
import hashlib
import json
import re

import pytest

from orders.documents.typesetting.safe_text import FONTS, Printer, is_right_to_left
from orders.documents.wording.countries import NAMES
from orders.documents.wording.words import WORDS, words
from tests.test_architecture import ROOT

pytestmark = pytest.mark.req("R-SHIP-05")
LOCALE = ROOT / "oms" / "locale" / "fr" / "LC_MESSAGES"


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("a\x00b\u202ec", "abc"),
        ("two\nlines\tand  spaces", "two lines and spaces"),
        ("𝐁𝐨𝐥𝐝 ①", "Bold ①"),
        ("\ud83d", "\ufffd"),
        ("e\u0301", "é"),
        ("山田 김 Ёлкина محمد ไทย राज 😀", "山田 김 Ёлкина محمد ไทย राज 😀"),
        (None, ""),
    ],
)
def test_what_is_printed(typed, shown):
    printer = Printer()

    assert printer.clean(typed) in {shown, shown.replace("\ufffd", "?")}


def test_a_character_without_a_font_is_noted():
    printer = Printer()

    assert printer.clean("x\U00012000") == "x?"
    assert printer.missing == {"\U00012000"}


def test_direction_is_that_of_the_first_letter():
    assert [is_right_to_left(text) for text in ("12 محمد", "שלום Leeds", "Leeds שלום", "12")] == [
        True,
        True,
        False,
        False,
    ]


def test_the_list_of_characters_is_that_of_these_fonts():
    stored = json.loads((FONTS / "coverage.json").read_text(encoding="utf-8"))["fonts"]
    files = sorted([*FONTS.glob("*.ttf"), *FONTS.glob("*.otf")])

    assert stored == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert sum(path.stat().st_size for path in FONTS.iterdir()) < 12 * 1024 * 1024
    assert "SIL Open Font License" in (FONTS / "OFL.txt").read_text(encoding="utf-8")


def test_templates_load_nothing_from_outside_and_evaluate_no_text():
    for path in (ROOT / "orders" / "documents" / "templates").glob("*.typ"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"@preview|\beval\(|\bread\(|plugin\(", text), path.name
        assert set(re.findall(r'#import "([^"]+)"', text)) <= {"common.typ"}, path.name


def test_every_word_has_its_french_translation_and_the_compiled_file_is_current():
    po = (LOCALE / "django.po").read_text(encoding="utf-8")
    written = dict(re.findall(r'msgctxt "document"\nmsgid "(.+)"\nmsgstr "(.+)"', po))
    with (LOCALE / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)

    assert {key: compiled.pgettext("document", key) for key in written} == written
    english, french = words("en"), words("fr")
    assert set(english.values()) <= set(written)
    assert {str(name) for name in NAMES.values()} <= set(written)
    assert len(french) == len(WORDS)
    assert french["invoice"] == "Facture"
