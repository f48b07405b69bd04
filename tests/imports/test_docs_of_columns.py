"""The page of columns is what the code reads."""

from __future__ import annotations

import pytest

from oms.kit.sheets.columns.matching import Vocabulary
from oms.kit.sheets.fields import SheetField
from oms.kit.sheets.formats import registry
from tests.imports import write_docs

pytestmark = pytest.mark.req("R-CAT-08", "R-USE-02")


def test_the_page_of_columns_is_made_from_the_code() -> None:
    assert write_docs.PAGE.read_text("utf-8") == write_docs.text(), "run: python -m tests.imports.write_docs"


@pytest.mark.parametrize("key", ["products", "prices", "stock", "kits", "orders", "tracking"])
def test_every_label_and_word_means_its_own_field(key: str) -> None:
    """A word that two fields of a kind claim would silently mean the first one."""
    kind = registry.kinds[key]
    vocabulary = Vocabulary(kind)

    def found(field: SheetField, word: str) -> str:
        hit = vocabulary.find(word)
        assert hit is not None, word
        return hit[1]

    wrong = [
        (field.key, word, found(field, word))
        for field in kind.fields
        for word in (str(field.label), field.key, *field.synonyms)
        if found(field, word) != field.key
    ]
    assert wrong == []


def test_no_known_file_is_mistaken_for_another() -> None:
    for each in registry.formats.values():
        assert registry.recognise(each.tell_tales, each.kind) is each
