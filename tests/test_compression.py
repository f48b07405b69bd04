"""Pages are compressed; what is compressed already is not (F-48)."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client, RequestFactory

from oms.kit.admin import pictures
from oms.middleware import TextGZipMiddleware

pytestmark = pytest.mark.fault("F-48")


@pytest.mark.django_db
def test_a_page_is_gzipped_with_a_random_length_and_says_the_same() -> None:
    client = Client(headers={"accept-encoding": "gzip, br"})
    client.force_login(User.objects.create_superuser("anna"))
    answers = [client.get("/admin/orders/order/") for _time in range(8)]
    assert {answer["Content-Encoding"] for answer in answers} == {"gzip"}
    assert "Accept-Encoding" in answers[0]["Vary"]
    page = gzip.decompress(answers[0].content)
    assert len(answers[0].content) < len(page) / 3
    assert len({len(answer.content) for answer in answers}) > 1  # BREACH
    tokens = {
        re.findall(rb'csrfmiddlewaretoken" value="(\w+)"', gzip.decompress(a.content))[0] for a in answers
    }
    assert len(tokens) == 8
    plain = Client()
    plain.force_login(User.objects.get())
    assert "Content-Encoding" not in plain.get("/admin/orders/order/")


@pytest.mark.parametrize(
    ("kind", "is_gzipped"),
    [
        ("text/html; charset=utf-8", True),
        ("application/json", True),
        ("text/csv", True),
        ("image/svg+xml", True),
        ("image/webp", False),
        ("application/pdf", False),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", False),
        ("application/octet-stream", False),
    ],
)
def test_only_text_is_compressed(kind: str, is_gzipped: bool) -> None:
    request = RequestFactory().get("/", headers={"accept-encoding": "gzip"})
    for response in (
        HttpResponse(b"a" * 1000, content_type=kind),
        StreamingHttpResponse([b"a" * 1000], content_type=kind),
    ):
        answer = TextGZipMiddleware(lambda _request: HttpResponse()).process_response(request, response)
        assert answer.has_header("Content-Encoding") == is_gzipped


@pytest.mark.django_db
def test_a_picture_is_sent_as_it_is(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    file = pictures.file_of(pictures.key_of("https://shop.example/a.jpg"), 80)
    file.parent.mkdir(parents=True)
    file.write_bytes(b"RIFF" + b"\0" * 1000)
    client = Client(headers={"accept-encoding": "gzip"})
    client.force_login(User.objects.create_superuser("anna"))
    answer: Any = client.get(pictures.copy_url("https://shop.example/a.jpg"))
    assert (answer["Content-Length"], answer.has_header("Content-Encoding")) == ("1004", False)
    answer.close()
