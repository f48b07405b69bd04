"""The search rule itself: what is folded, what a row keeps, what is looked for."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms.kit.search.text import compact, fold, is_found, needles, search_text, with_compact

ANY = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)


@given(ANY)
def test_folding_twice_changes_nothing(text):
    assert fold(fold(text)) == fold(text)
    assert compact(compact(text)) == compact(text)


@given(ANY)
def test_a_folded_text_can_be_stored_and_has_single_spaces(text):
    folded = fold(text)
    assert "\x00" not in folded
    folded.encode()
    assert folded == " ".join(folded.split())
    assert not any(unicodedata.combining(one) and unicodedata.category(one) == "Mn" for one in folded)


@given(st.lists(ANY, max_size=8), st.integers(1, 200))
def test_a_text_is_cut_between_words(parts, most):
    text = search_text(parts, most=most)
    assert len(text) <= most
    words = [word for part in parts for word in fold(part).split()]
    assert set(text.split()) <= set(words)
    if text:
        assert text[0] == text[-1] == " "
        assert text.split() == list(dict.fromkeys(words))[: len(text.split())]


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=5))
def test_every_word_of_a_row_finds_it(parts):
    text = search_text(parts)
    for word in text.split():
        assert is_found(text, word)


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("José", "jose"),
        ("Müller", "muller"),
        ("MÜLLER", "muller"),
        ("Straße", "strasse"),
        ("Łódź Øst", "lodz ost"),
        ("O’Brien O'Brien", "obrien obrien"),
        ("a\x00b\ud800c", "abc"),
        ("A – B\u00a0C", "a - b c"),
        ("ﬁne ①", "fine 1"),
        ("\u200bx\u00ad", "x"),
    ],
)
def test_what_is_folded(written, folded):
    assert fold(written) == folded


ROW = search_text(
    [
        "A10-7",
        "José Müller",
        "jose@example.com",
        with_compact("+44 (0)7700 900-123"),
        with_compact("LS6 3BJ"),
        "Leeds",
    ]
)


@pytest.mark.parametrize(
    "typed",
    [
        "a10", "10-7", "Jose", "MULLER", "muller jose", "ülle", "example.com", "LS6 3BJ", "ls63bj", "ls 63 bj",
        "3bj leeds", "+44 (0)7700 900-123", "7700900123", "7700 900 123", "900.123", "ls", "l", "jo le", "- leeds",
    ],
)  # fmt: skip
def test_a_row_is_found(typed):
    assert is_found(ROW, typed)


@pytest.mark.parametrize(
    "typed", ["bj", "s6", "é x", "leeds paris", "a11", "lee ds1", "%", "_", "jose%", "7700900124"]
)
def test_a_row_is_not_found(typed):
    assert not is_found(ROW, typed)


@pytest.mark.parametrize("typed", ["", "  ", "\x00", "\ud800", "\u200b"])
def test_nothing_is_looked_for_where_nothing_is_left(typed):
    assert needles(typed) == ()


def test_short_words_are_looked_for_at_the_beginning_and_codes_as_a_whole():
    assert needles("LS 63 BJ") == ((" ls", " 63", " bj"), ("ls63bj",))
    assert needles("mug red") == (("mug", "red"),)
    assert needles("LS6 3BJ") == (("ls6", "3bj"),), (
        "who has ls63bj has both: the whole is not looked for again"
    )
    assert needles("7700 900700") == (("7700", "900700"),)
    assert needles("7700-900 700") == (("7700-900", "700"), ("7700900700",))
    assert len(needles(" ".join(f"word{number}" for number in range(20)))[0]) == 8
