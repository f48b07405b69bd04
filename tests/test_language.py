"""The interface in English and French: chosen for each person, complete, with the same placeholders (R-PLUS-21)."""

from __future__ import annotations

import gettext as catalogues
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.utils.translation import override

from oms.kit.admin.badges import money_text
from oms.kit.models import AuditEntry, PersonSettings
from oms.kit.numbers import grouped
from tests import factories
from tests.support.french import Entry, entries, said_in_code, said_in_templates

pytestmark = pytest.mark.req("R-PLUS-21")
FOLDER = Path(settings.BASE_DIR) / "oms" / "locale" / "fr" / "LC_MESSAGES"
ACCOUNT = "/admin/account/"
PLACEHOLDER = re.compile(r"%\(\w+\)[+]?[sd]|%[sd]|\{\w*\}|</?[a-z]+[^>]*>")


@pytest.fixture
def anna(client: Client):
    person = factories.user("anna", is_superuser=True)
    person.set_password("plum-tractor-window")
    person.save()
    client.force_login(person)
    return person


def heading(client: Client, **more: str) -> str:
    text = client.get("/admin/catalogue/product/", **more).content.decode()
    found = re.search(r"<h1[^>]*>(.*?)</h1>", text, re.DOTALL)
    assert found is not None
    return re.sub(r"<[^>]+>", "", found[1]).strip()


@pytest.mark.django_db
def test_a_person_chooses_french_and_keeps_it_after_the_next_sign_in(client, anna):
    assert "Product" in client.get("/admin/catalogue/product/").content.decode()

    answer = client.post(ACCOUNT, {"do": "language", "language-language": "fr"}, follow=True)

    assert "Langue enregistrée." in answer.content.decode()
    assert "Produits" in client.get("/admin/catalogue/product/").content.decode()
    assert PersonSettings.language_of(anna.pk) == "fr"
    assert AuditEntry.objects.filter(action="changed").count() == 1

    other = Client()
    other.post("/admin/login/", {"username": "anna", "password": "plum-tractor-window"})
    assert '<html lang="fr"' in other.get("/admin/").content.decode()


@pytest.mark.django_db
def test_the_choice_of_one_person_is_not_that_of_another(client, anna):
    client.post(ACCOUNT, {"do": "language", "language-language": "fr"})

    ben = Client()
    ben.force_login(factories.user("ben", is_superuser=True))

    assert '<html lang="en' in ben.get("/admin/").content.decode()


@pytest.mark.django_db
def test_without_a_choice_the_browser_decides(client, anna):
    client.post(ACCOUNT, {"do": "language", "language-language": "fr"})
    client.post(ACCOUNT, {"do": "language", "language-language": ""})

    assert '<html lang="fr"' in client.get("/admin/", headers={"accept-language": "fr"}).content.decode()
    assert '<html lang="en' in client.get("/admin/", headers={"accept-language": "en"}).content.decode()


@pytest.mark.django_db
def test_a_language_that_manifold_does_not_have_is_not_saved(client, anna):
    answer = client.post(ACCOUNT, {"do": "language", "language-language": "xx"})

    assert answer.status_code == 200
    assert not PersonSettings.objects.exists()


def test_numbers_and_money_have_the_form_of_the_language():
    with override("fr"):
        assert grouped(1234567).replace("\u202f", "\xa0") == "1\xa0234\xa0567"
        assert money_text(Decimal("1240.5"), "EUR").replace("\u202f", "\xa0") == "1\xa0240,50 EUR"
    with override("en-gb"):
        assert grouped(1234567) == "1,234,567"
        assert money_text(Decimal("1240.5"), "EUR") == "1,240.50 EUR"


# ------------------------------------------------ the translation


def test_every_message_is_translated_and_none_is_uncertain():
    rows = list(entries(FOLDER / "django.po"))

    assert len(rows) > 4_000
    assert [row.source for row in rows if row.is_fuzzy or not all(row.texts)] == []


def test_a_translation_has_the_placeholders_of_its_message():
    wrong = []
    for row in entries(FOLDER / "django.po"):
        sources = [row.source, row.plural] if row.plural else [row.source]
        for source, text in zip(sources, row.texts, strict=True):
            if sorted(PLACEHOLDER.findall(source)) != sorted(PLACEHOLDER.findall(text)):
                wrong.append((source, text))
    assert wrong == []


def test_every_message_of_the_code_and_the_templates_is_in_the_translation():
    known = {row.source for row in entries(FOLDER / "django.po")}

    said = {*said_in_code(), *said_in_templates()}

    assert len(said) > 3_500
    assert sorted(text for text in said if text not in known) == []


def test_the_compiled_translation_is_that_of_the_text_file():
    with (FOLDER / "django.mo").open("rb") as file:
        compiled = catalogues.GNUTranslations(file)

    assert list(_differences(compiled, entries(FOLDER / "django.po"))) == []


def _differences(compiled: catalogues.GNUTranslations, rows: Iterator[Entry]) -> Iterator[str]:
    for row in rows:
        found = (
            [compiled.npgettext(row.context, row.source, row.plural, n) for n in (1, 2)]
            if row.plural and row.context
            else (
                [compiled.ngettext(row.source, row.plural, n) for n in (1, 2)]
                if row.plural
                else [
                    compiled.pgettext(row.context, row.source)
                    if row.context
                    else compiled.gettext(row.source)
                ]
            )
        )
        if found != list(row.texts):
            yield row.source


def test_french_typography_has_no_break_before_double_signs():
    wrong = [
        text
        for row in entries(FOLDER / "django.po")
        for text in row.texts
        if re.search(r" [;!?](\s|$)| :(\s|$)|« | »", text)
    ]
    assert wrong == []
