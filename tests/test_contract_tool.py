"""`make contract`'s own arithmetic, and that its documents are never silently absent."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.support import specs
from tests.support.spec_exceptions import EXCEPTIONS, Known

ROOT = Path(__file__).resolve().parent.parent
TOOL = ROOT / "contrib" / "contract"
#: What Prism 5.14.2 puts into `sl-violations`: one request and one answer that the document does not allow.
SEEN = [
    {
        "location": ["request", "query", "limit"],
        "severity": "Error",
        "code": "maximum",
        "message": "Request query parameter limit must be <= 100",
    },
    {
        "location": ["response", "body", "results", "0", "id"],
        "severity": "Error",
        "code": "type",
        "message": "Response body property results.0.id must be integer",
    },
]


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(TOOL))
    return importlib.import_module("router")


def test_findings_name_side_place_and_fault(tool):
    assert list(tool.complaints(json.dumps(SEEN), 200)) == [
        "request query.limit: must be <= 100",
        "answer 200 body.results.*.id: must be integer",
    ]
    assert list(tool.complaints("", 200)) == []


def test_findings_that_prism_cuts_off_are_reported(tool):
    whole = json.dumps(SEEN)

    found = list(tool.complaints(f"Too many violations! {whole[:-30]}", 200))

    assert found == ["request query.limit: must be <= 100", "has more findings than fit into Prism's header"]


def test_only_listed_findings_are_excused(tool, capsys):
    run = importlib.import_module("run")
    findings = tool.Findings(requests=3, answers=3)
    findings.complaints["GET /a request query.limit: must be <= 100"] = 2
    findings.complaints["GET /b answer 200 body.x: is wrong"] = 1
    known = [Known("of the tests", "The document is wrong.", prism=r"^GET /a request query\.limit"), Known("GET /b", "Only in the tests.")]  # fmt: skip

    outcome = run.report("x", findings, known, ["push_stock was never called"], 1.0)

    assert (outcome.broken, outcome.listed) == (2, 2)
    said = capsys.readouterr().out
    assert "BROKEN    1 x  GET /b answer 200 body.x: is wrong" in said
    assert "push_stock was never called" in said


@pytest.mark.parametrize("place", [None, "/nowhere/at/all"])
def test_without_the_documents_it_stops_with_a_message(place):
    env = {name: value for name, value in os.environ.items() if name != "OMS_SPECS"}
    env |= {"OMS_SPECS": place} if place else {}

    done = subprocess.run([sys.executable, str(TOOL / "run.py")], env=env, capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr.strip()
        == "Set OMS_SPECS to the folder that has one folder of OpenAPI files for each channel."
    )


def test_tests_skip_without_the_documents_and_fail_where_one_is_missing(monkeypatch, tmp_path):
    monkeypatch.delenv("OMS_SPECS", raising=False)
    with pytest.raises(pytest.skip.Exception):
        specs.folder("etsy")

    monkeypatch.setenv("OMS_SPECS", str(tmp_path))
    with pytest.raises(AssertionError, match="is missing"):
        specs.folder("etsy")


def test_every_exception_has_its_reason():
    rows = [entry for entries in EXCEPTIONS.values() for entry in entries]

    assert [entry.pattern for entry in rows if len(entry.reason) < 20 or not entry.pattern] == []
