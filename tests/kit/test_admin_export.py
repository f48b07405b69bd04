"""Export: the right, what is in the file, escaping, the job and what a killed worker leaves."""

from __future__ import annotations

import csv
import io
import os
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone
from import_export.admin import ExportActionMixin
from openpyxl.reader.excel import load_workbook

from oms.kit.admin.export import files, resources
from oms.kit.admin.export.files import FORMATS, XlsxFile
from oms.kit.background import jobs
from oms.kit.models import Job
from oms.middleware import ZONE_COOKIE
from tests import factories
from tests.kit import job_list

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.kit.job_list")]
LIST = "/admin/kit/job/"
FORM = {f"jobresource_{name}": "on" for name in ("title", "total", "created_at", "author")} | {
    "resource": "0"
}
NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _here(monkeypatch, tmp_path, settings):
    monkeypatch.setattr(resources, "site", job_list.site)
    settings.VAR_DIR = tmp_path


@pytest.fixture
def right(monkeypatch):
    """The right of the test's list; the models of the apps declare theirs in `Meta.permissions`."""
    from django.contrib.contenttypes.models import ContentType

    kind = ContentType.objects.get_for_model(Job)
    return Permission.objects.get_or_create(codename="export_job", content_type=kind)[0]


@pytest.fixture
def anna(right):
    user = factories.user("anna")
    user.user_permissions.set([right, Permission.objects.get(codename="view_job")])
    client = Client()
    client.force_login(user)
    return client


def fill(number: int, **fields: object) -> None:
    Job.objects.bulk_create(
        Job(kind="t", title=f"{n:05}", total=n, created_at=NOON, **fields) for n in range(number)
    )


def ask(client: Client, kind: str = "0", query: str = "", **form: str):
    return client.post(f"{LIST}export/{query}", {**FORM, "format": kind, **form})


def content(response) -> bytes:
    return b"".join(response.streaming_content)


def rows(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode())))


def free() -> None:
    Job.objects.filter(kind=resources.JOB).update(lease_until=None)


def test_who_sees_the_list_may_not_yet_export_it(client, right):
    """By the library's default a person without any right gets the file."""
    fill(1)
    for name, rights in (("nobody", []), ("viewer", ["view_job"]), ("exporter", ["export_job"])):
        user = factories.user(name)
        user.user_permissions.set(Permission.objects.filter(codename__in=rights))
        client.force_login(user)
        assert client.get(LIST + "export/").status_code == 403, name
        assert ask(client).status_code == 403, name
    client.force_login(factories.user("viewer"))
    assert client.get(LIST).context["export_url"] == ""


def test_a_list_without_a_resource_exports_nothing(anna, monkeypatch):
    monkeypatch.setattr(job_list.JobList, "resource_classes", ())

    assert anna.get(LIST + "export/").status_code == 403


def test_the_file_holds_tab_filters_and_search_with_verbose_headings(anna):
    author = factories.user("ben")
    Job.objects.create(
        kind="t", title="A", lane="orders", state="done", total=5, created_at=NOON, author=author
    )
    Job.objects.create(kind="t", title="B", lane="default", state="done", created_at=NOON)
    Job.objects.create(kind="t", title="C", lane="orders", state="waiting", created_at=NOON)

    response = ask(anna, query="?tab=done&lane=orders")

    assert response["Content-Disposition"].startswith('attachment; filename="Job-')
    assert rows(content(response)) == [
        ["Job", "Total", "Created", "Person"],
        ["A", "5", "2026-07-01 13:00:00+01:00", "ben"],
    ]
    assert [row[0] for row in rows(content(ask(anna, query="?q=C")))][1:] == ["C"]
    assert [row[0] for row in rows(content(ask(anna)))][1:] == ["C", "B", "A"]  # the order of the list


def test_columns_are_chosen_and_named_as_in_the_file(anna):
    fill(1)
    page = anna.get(LIST + "export/").content.decode()

    assert "<span>Created</span>" in page
    assert "export_selectable_fields.js" not in page
    form = {**FORM, "jobresource_total": ""}
    data = content(anna.post(LIST + "export/", {**form, "format": "0"}))
    assert rows(data)[0] == ["Job", "Created", "Person"]


@pytest.mark.parametrize(("value", "cell"), [
    ("=1+1", "'=1+1"), ("+44 20", "'+44 20"), ("-dash", "'-dash"), ("@sum", "'@sum"), ("\tx", "'\tx"), ("a=b", "a=b"),
    (-5, -5), (Decimal("-5.50"), Decimal("-5.50")), (0, 0), (None, ""), (True, 1), ({"a": "é"}, '{"a": "é"}'), (["x"], '["x"]'),
    (datetime(2026, 7, 1, 12, tzinfo=UTC), "2026-07-01 13:00:00+01:00"), (NOON.date(), "2026-07-01"), ("", ""),
])  # fmt: skip
def test_text_that_a_sheet_would_run_is_escaped_and_numbers_stay_numbers(value, cell):
    with timezone.override("Europe/London"):
        assert files.plain(value) == cell
        assert files.plain(files.plain(value)) == cell


def test_an_xlsx_opens_and_holds_numbers_and_no_formula(anna):
    Job.objects.create(kind="t", title='=HYPERLINK("x") <&\x01>', total=7, created_at=NOON)
    Job.objects.create(kind="t", title=" é 日本 ", total=None, created_at=NOON)

    response = ask(anna, "1")

    sheet = load_workbook(io.BytesIO(content(response))).active
    assert [[cell.value for cell in row] for row in sheet.rows] == [
        ["Job", "Total", "Created", "Person"],
        [" é 日本 ", None, "2026-07-01 13:00:00+01:00", None],
        ['\'=HYPERLINK("x") <&>', 7, "2026-07-01 13:00:00+01:00", None],
    ]
    assert sheet["A3"].data_type in ("s", "inlineStr")
    assert sheet["B3"].data_type == "n"


def test_a_long_list_becomes_a_job_of_its_author(anna, monkeypatch):
    monkeypatch.setattr(resources, "AT_ONCE", 10)
    fill(11, lane="orders")

    response = ask(anna, query="?lane=orders")

    job = Job.objects.get(kind=resources.JOB)
    assert response.url == f"{LIST}jobs/{job.pk}/"
    assert str(job.author) == "anna"
    assert anna.get(response.url).context["file_url"] == ""
    assert jobs.work(job.pk) is False
    job.refresh_from_db()
    assert (job.state, job.done, job.total, job.message) == ("done", 11, 11, "11 rows.")
    page = anna.get(response.url)
    answer = anna.get(page.context["file_url"])
    assert [row[0] for row in rows(content(answer))] == ["Job", *(f"{n:05}" for n in range(11))]
    assert "no-store" in answer["Cache-Control"]
    assert list(Path(files.export_folder()).glob("*.part")) == []


def test_two_people_never_share_a_file(anna, monkeypatch, right):
    monkeypatch.setattr(resources, "AT_ONCE", 3)
    fill(5)
    other = Client()
    ben = factories.user("ben")
    ben.user_permissions.set([right, Permission.objects.get(codename="view_job")])
    other.force_login(ben)

    first, second = ask(anna, query="?kind_is=t").url, ask(other, query="?kind_is=t").url

    assert first != second
    for job in Job.objects.filter(kind=resources.JOB):
        jobs.work(job.pk)
    assert len(rows(content(anna.get(first + "file/")))) == 6
    for path in (first, first + "file/", first + "progress.json"):
        assert other.get(path).status_code == 404
    anna_user = get_user_model().objects.get(username="anna")
    anna_user.user_permissions.remove(right)
    assert anna.get(first + "file/").status_code == 404


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_killed_worker_leaves_the_file_that_no_kill_would_have(anna, monkeypatch, kind):
    """Killed while a part is written, after it is written, and after it is recorded: the same bytes each time."""
    monkeypatch.setattr(resources, "AT_ONCE", 10)
    monkeypatch.setattr(resources, "SLICE", 7)
    fill(40)
    number = str(["csv", "xlsx"].index(kind))

    class Killed(BaseException):
        pass

    def finished(job: Job) -> bytes:
        job.refresh_from_db()
        assert (job.state, job.done) == ("done", 40)
        path = resources.file_of(job)
        assert path is not None
        return path.read_bytes()

    ask(anna, number, "?kind_is=t")
    whole = Job.objects.get(kind=resources.JOB)
    jobs.work(whole.pk)
    expected = finished(whole)

    ask(anna, number, "?kind_is=t")
    job = Job.objects.filter(kind=resources.JOB).latest("pk")
    report = jobs.report_or_stop
    writer = FORMATS[kind]
    row = writer.row
    calls = {"report": 0, "row": 0}

    def dying_report(job, **fields):
        calls["report"] += 1
        if calls["report"] == 2:
            raise Killed  # written, not recorded
        report(job, **fields)
        if calls["report"] == 4:
            raise Killed  # recorded, the worker dies right afterwards

    def dying_row(cells):
        calls["row"] += 1
        if calls["row"] == 33:
            raise Killed  # in the middle of a part
        return row(cells)

    monkeypatch.setattr(jobs, "report_or_stop", dying_report)
    monkeypatch.setattr(writer, "row", staticmethod(dying_row))
    deaths = 0
    for _attempt in range(8):
        try:
            jobs.work(job.pk)
        except Killed:
            deaths += 1
            free()
            Job.objects.filter(pk=job.pk).update(attempts=0)
        else:
            break

    assert deaths == 3
    assert finished(job) == expected


def test_the_file_of_a_job_has_the_zone_of_the_person(anna, monkeypatch):
    monkeypatch.setattr(resources, "AT_ONCE", 0)
    fill(1)
    anna.cookies[ZONE_COOKIE] = "Asia/Tokyo"
    ask(anna, query="?kind_is=t")
    job = Job.objects.get(kind=resources.JOB)

    jobs.work(job.pk)

    job.refresh_from_db()
    path = resources.file_of(job)
    assert path is not None
    assert rows(path.read_bytes())[1][2] == "2026-07-01 21:00:00+09:00"


def test_slices_continue_one_file(anna, monkeypatch):
    monkeypatch.setattr(resources, "AT_ONCE", 3)
    monkeypatch.setattr(resources, "SLICE", 4)
    monkeypatch.setattr(resources, "SECONDS", -1)
    fill(10)
    ask(anna, query="?kind_is=t")
    job = Job.objects.get(kind=resources.JOB)

    assert [jobs.work(job.pk) for _ in range(3)] == [True, True, False]
    job.refresh_from_db()
    path = resources.file_of(job)
    assert path is not None
    assert [row[0] for row in rows(path.read_bytes())][1:] == [f"{n:05}" for n in range(10)]


def test_a_worker_that_lost_its_lease_writes_into_no_file_of_its_successor(anna, monkeypatch):
    monkeypatch.setattr(resources, "AT_ONCE", 3)
    monkeypatch.setattr(resources, "SLICE", 4)
    fill(10)
    ask(anna, query="?kind_is=t")
    job = Job.objects.get(kind=resources.JOB)
    report = jobs.report_or_stop

    def overtaken(of, **fields):
        monkeypatch.setattr(jobs, "report_or_stop", report)
        free()
        jobs.work(of.pk)  # another worker finishes it
        report(of, **fields)

    monkeypatch.setattr(jobs, "report_or_stop", overtaken)
    jobs.work(job.pk)

    job.refresh_from_db()
    assert job.state == "done"
    path = resources.file_of(job)
    assert path is not None
    assert len(rows(path.read_bytes())) == 11


def test_an_emptied_data_folder_starts_the_file_again(anna, monkeypatch):
    monkeypatch.setattr(resources, "AT_ONCE", 3)
    monkeypatch.setattr(resources, "SLICE", 4)
    monkeypatch.setattr(resources, "SECONDS", -1)
    fill(10)
    ask(anna, query="?kind_is=t")
    job = Job.objects.get(kind=resources.JOB)
    jobs.work(job.pk)
    for path in files.export_folder().iterdir():
        path.unlink()

    while jobs.work(job.pk):
        pass

    job.refresh_from_db()
    found = resources.file_of(job)
    assert found is not None
    assert (job.done, len(rows(found.read_bytes()))) == (10, 11)


def test_a_job_stops_when_its_author_may_not_any_more(anna, monkeypatch, right):
    monkeypatch.setattr(resources, "AT_ONCE", 3)
    fill(5)
    ask(anna)
    job = Job.objects.get(kind=resources.JOB)
    assert job.author is not None
    job.author.user_permissions.remove(right)

    jobs.work(job.pk)

    job.refresh_from_db()
    assert (job.state, job.message) == ("failed", "Your role does not allow this.")
    assert resources.file_of(job) is None


def test_a_sheet_that_would_be_too_long_is_refused(anna, monkeypatch):
    monkeypatch.setattr(resources, "AT_ONCE", 3)
    monkeypatch.setattr(XlsxFile, "max_rows", 4)
    fill(5)
    ask(anna, "1", "?kind_is=t")
    job = Job.objects.get(kind=resources.JOB)

    jobs.work(job.pk)

    job.refresh_from_db()
    assert (job.state, job.message) == ("failed", "An XLSX sheet has at most 4 rows. Export as CSV.")


def test_files_go_after_seven_days(anna, monkeypatch):
    monkeypatch.setattr(resources, "AT_ONCE", 3)
    fill(5)
    link = ask(anna).url
    job = Job.objects.get(kind=resources.JOB)
    jobs.work(job.pk)
    job.refresh_from_db()
    path = resources.file_of(job)
    assert path is not None

    assert resources.prune() == 0
    old = time.time() - 7 * 86_400 - 60
    os.utime(path, (old, old))
    assert resources.prune() == 1
    page = anna.get(link)
    assert (page.context["is_expired"], page.context["file_url"]) == (True, "")
    assert anna.get(link + "file/").status_code == 404


def test_an_answer_at_once_leaves_nothing_behind(anna):
    fill(3)
    content(ask(anna))

    assert list(files.export_folder().iterdir()) == []
    assert oct(files.export_folder().stat().st_mode)[-3:] == "700"


def test_no_admin_class_lists_every_key_of_its_table_in_a_form():
    from django.contrib import admin

    for model, model_admin in admin.site._registry.items():
        assert ExportActionMixin not in type(model_admin).__mro__, model
