"""Calls held to a channel's official OpenAPI files: request, query and answer by their schemas.

The files are found by the environment variable OMS_SPECS (the folder that has one folder for each channel). Unset,
tests that need them skip; set, a missing file is a failure. What a file is known to say wrongly is listed, each with
its reason, in `spec_exceptions.py` alone.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.support.spec_exceptions import EXCEPTIONS, Known

METHODS = ("get", "put", "post", "delete", "patch")


@dataclass(frozen=True)
class Call:
    """One request and its answer, as a sandbox keeps them; `path` without the server's own part."""

    method: str
    path: str
    query: Sequence[tuple[str, str]]
    body: bytes
    status: int
    answer: bytes
    content_type: str = "application/json"


def folder(channel: str) -> Path:
    """The channel's folder of specs; skips the test when OMS_SPECS is not set."""
    place = os.environ.get("OMS_SPECS")
    if not place:
        pytest.skip("OMS_SPECS does not say where the channels' OpenAPI files are")
    found = Path(place) / channel
    assert found.is_dir(), f"{found} is missing"
    return found


class Spec:
    """One OpenAPI 3.0 file, made into JSON schema where the two differ."""

    def __init__(self, path: Path) -> None:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        text = path.read_text(encoding="utf-8")
        self.name = path.name
        self.document = json.loads(text) if path.suffix == ".json" else yaml.load(text, Loader=loader)
        if "swagger" in self.document:
            _from_swagger_2(self.document)
        _as_json_schema(self.document)
        self.paths: list[tuple[re.Pattern[str], str]] = [
            (_pattern(template), template)
            for template in sorted(self.document["paths"], key=lambda t: (t.count("{"), t))
        ]

    def find(self, method: str, path: str) -> Operation | None:
        for pattern, template in self.paths:
            item = self.deref(self.document["paths"][template])
            if pattern.fullmatch(path) and method.lower() in item:
                return Operation(self, method.lower(), template, item)
        return None

    def deref(self, value: Any) -> Any:
        while isinstance(value, dict) and "$ref" in value:
            value = self.at(value["$ref"])
        return value

    def at(self, pointer: str) -> Any:
        found = self.document
        for part in pointer.removeprefix("#/").split("/"):
            found = found[unquote(part).replace("~1", "/").replace("~0", "~")]
        return found

    def complaints(self, schema: Any, value: Any) -> list[str]:
        """What the schema has against a value: place and words of each complaint."""
        whole = {
            **{k: v for k, v in self.document.items() if k in ("components", "definitions", "paths")},
            **_wrapped(schema),
        }
        errors = Draft202012Validator(whole).iter_errors(value)
        return [
            f"{'/'.join(str(p) for p in e.absolute_path)}: {e.message[:160]} ({e.validator})" for e in errors
        ]


@dataclass(frozen=True)
class Operation:
    spec: Spec
    method: str
    template: str
    item: Mapping[str, Any]

    def check(self, call: Call) -> list[str]:
        operation = self.item[self.method]
        said = [*self._query(call, operation), *self._body(call, operation), *self._answer(call, operation)]
        return [f"{call.method} {self.template} {words}" for words in said]

    def _query(self, call: Call, operation: Mapping[str, Any]) -> Iterable[str]:
        rows = [*self.item.get("parameters", ()), *operation.get("parameters", ())]
        known = {row["name"]: row for row in map(self.spec.deref, rows) if row["in"] == "query"}
        nested: dict[str, dict[str, str]] = {}
        for name, text in call.query:
            row = known.get(name)
            outer, _, inner = name.partition("[")
            if row is None and known.get(outer, {}).get("style") == "deepObject" and inner.endswith("]"):
                nested.setdefault(outer, {})[inner[:-1]] = text
                continue
            if row is None:
                yield f"query {name}: not in the spec"
                continue
            schema = self.spec.deref(row.get("schema") or {})
            for words in self.spec.complaints(schema, _typed(text, schema, self.spec)):
                yield f"query {name} {words}"
        for name, values in nested.items():
            schema = self.spec.deref(known[name].get("schema") or {})
            parts = {k: self.spec.deref(v) for k, v in (schema.get("properties") or {}).items()}
            typed = {k: _typed(text, parts.get(k, {}), self.spec) for k, text in values.items()}
            for words in self.spec.complaints(schema, typed):
                yield f"query {name} {words}"
        for name, row in known.items():
            if name in nested:
                continue
            if row.get("required") and name not in dict(call.query):
                yield f"query {name}: is required"

    def _body(self, call: Call, operation: Mapping[str, Any]) -> Iterable[str]:
        declared = self.spec.deref(operation.get("requestBody") or {})
        if not call.body:
            if declared.get("required"):
                yield "body: is required"
            return
        content = declared.get("content") or {}
        kind = next((k for k in content if k.startswith(call.content_type)), None)
        if kind is None:
            yield f"body: the spec takes no {call.content_type}"
            return
        if call.content_type != "application/json":
            return
        for words in self.spec.complaints(content[kind].get("schema") or {}, json.loads(call.body)):
            yield f"body {words}"

    def _answer(self, call: Call, operation: Mapping[str, Any]) -> Iterable[str]:
        responses = operation.get("responses") or {}
        found = responses.get(str(call.status)) or responses.get(call.status) or responses.get("default")
        if found is None:
            yield f"answer: {call.status} is not in the spec"
            return
        content = self.spec.deref(found).get("content") or {}
        kind = next((k for k in content if "json" in k), None)
        if not call.answer or kind is None:
            return
        try:
            value = json.loads(call.answer)
        except ValueError:
            yield f"answer {call.status}: not JSON"
            return
        for words in self.spec.complaints(content[kind].get("schema") or {}, value):
            yield f"answer {call.status} {words}"


@dataclass
class Report:
    """What came of checking: how many calls, and what broke, without what is known."""

    checked: int
    violations: list[str]
    excused: dict[str, int]


def check_calls(channel: str, specs: Sequence[Spec], calls: Iterable[Call]) -> Report:
    """Hold all calls to the specs; a call that no spec has is a violation, too."""
    known: Sequence[Known] = EXCEPTIONS.get(channel, ())
    report = Report(0, [], {})
    for call in calls:
        report.checked += 1
        operation = next((found for spec in specs if (found := spec.find(call.method, call.path))), None)
        said = operation.check(call) if operation else [f"{call.method} {call.path} is not in the specs"]
        for words in said:
            excuse = next((entry for entry in known if re.search(entry.pattern, words)), None)
            if excuse:
                report.excused[excuse.pattern] = report.excused.get(excuse.pattern, 0) + 1
            else:
                report.violations.append(words)
    report.violations = list(dict.fromkeys(report.violations))
    return report


@cache
def load(path: Path) -> Spec:
    return Spec(path)


# ---------------------------------------------------------------- small print


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"(\{[^}]+\})", template)
    return re.compile("".join("[^/]+" if part.startswith("{") else re.escape(part) for part in parts))


def _wrapped(schema: Any) -> dict[str, Any]:
    return {"allOf": [schema]} if schema else {}


def _typed(text: str, schema: Mapping[str, Any], spec: Spec) -> Any:
    """A query's text as the value that its schema speaks of."""
    kinds = schema.get("type")
    kind = next((k for k in kinds if k != "null"), None) if isinstance(kinds, list) else kinds
    if kind == "array":
        return [_typed(part, spec.deref(schema.get("items") or {}), spec) for part in text.split(",")]
    try:
        if kind == "integer":
            return int(text)
        if kind == "number":
            return float(text)
    except ValueError:
        return text
    return {"true": True, "false": False}.get(text, text) if kind == "boolean" else text


def _from_swagger_2(document: Any) -> None:
    """Bodies, query parameters and answers of a Swagger 2 document in the words of OpenAPI 3, in place."""
    for row in document.get("parameters", {}).values():
        row.setdefault("schema", {k: v for k, v in row.items() if k not in ("name", "in", "required")})
    for item in document["paths"].values():
        for method, operation in item.items():
            if method not in METHODS:
                continue
            rows = operation.get("parameters", [])
            for row in rows:
                if row.get("in") == "body":
                    content = {"application/json": {"schema": row["schema"]}}
                    operation["requestBody"] = {"required": row.get("required", False), "content": content}
            operation["parameters"] = [row for row in rows if row.get("in") != "body"]
            for answer in operation["responses"].values():
                schema = answer.pop("schema", None)
                if schema is not None and schema.get("type") != "file":
                    answer["content"] = {"application/json": {"schema": schema}}


def _as_json_schema(value: Any) -> None:
    """OpenAPI 3.0's own words, in place: `nullable` (`x-nullable` of older files), boolean bounds, empty types."""
    if isinstance(value, list):
        for part in value:
            _as_json_schema(part)
        return
    if not isinstance(value, dict):
        return
    if True in (value.get("nullable"), value.get("x-nullable")):
        if isinstance(value.get("type"), str):
            value["type"] = [value["type"], "null"]
        if isinstance(value.get("enum"), list) and None not in value["enum"]:
            value["enum"].append(None)
    if (
        isinstance(value.get("oneOf"), list) and len(value["oneOf"]) == 1
    ):  # one branch: complaints name the leaf
        [branch] = value.pop("oneOf")
        if True in (value.get("nullable"), value.get("x-nullable")):
            value["anyOf"] = [branch, {"type": "null"}]
        else:
            value["allOf"] = [*value.get("allOf", ()), branch]
    for bound, other in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(value.get(bound), bool) and value.pop(bound) and other in value:
            value[bound] = value.pop(other)
    if isinstance(value.get("required"), bool) and not {"in", "schema", "content"} & set(value):
        value.pop("required")  # of Swagger 2: it means nothing here
    for name, part in value.items():
        if name not in ("example", "examples", "x-examples"):
            _as_json_schema(part)
