"""Odd documents: what a channel may send in place of any value of a document, and documents made from its TypedDicts."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from types import UnionType
from typing import (
    Annotated,
    Any,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from hypothesis import strategies as st

DELETED = object()


def nested(depth: int) -> Any:
    found: Any = "deep"
    for _level in range(depth):
        found = {"in": [found]}
    return found


#: In place of any value. `DELETED`: the key is absent.
ODD: tuple[Any, ...] = (
    DELETED,
    None,
    "",
    " ",
    "\ud83d",
    "a\x00b",
    "x" * 300,
    "ﷺ" * 255,
    "²",
    "😀\udc00" * 40,
    0,
    -3,
    2.5,
    "2.00",
    "-3",
    10**18,
    str(10**18),
    10**60,
    float("nan"),
    float("inf"),
    "NaN",
    "1e400",
    True,
    [],
    {},
    [None, 1, "x", {}],
    nested(40),
    "0000-00-00",
    "0000-00-00 00:00:00",
    "0001-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31 23:59:59",
    "Fri, 31 Dec 9999 23:59:59 +0000",
    253402300799,
    -62135596800,
    "some_new_value",
)
LARGE = ("é" * 1_000_000, "x" * 3_000_000, nested(300))


def paths(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in a document; of a list only its first item."""
    if before:
        yield before
    if isinstance(value, dict):
        for key, item in value.items():
            yield from paths(item, (*before, key))
    elif isinstance(value, list) and value:
        yield from paths(value[0], (*before, 0))


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a copy of a document with another value at a path."""
    found = copy.deepcopy(document)
    place = found
    for key in path[:-1]:
        place = place[key]
    if value is DELETED:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return found


def body(document: Any) -> bytes:
    """Return a document as a channel would send it: surrogates and NUL as escapes, NaN as it is."""
    return json.dumps(document, separators=(",", ":")).encode()


def rows_in(document: Any) -> list[Any]:
    """Return the rows of an answer of any channel; [] where it has none."""
    if isinstance(document, list):
        return document
    if isinstance(document, dict):
        for name in ("data", "results"):
            if isinstance(document.get(name), list):
                return document[name]
    return []


# ------------------------------------------------ documents from the channels' own schemas

_texts = st.text(alphabet=st.characters(exclude_categories=()), max_size=20) | st.sampled_from(
    [value for value in ODD if isinstance(value, str)]
)
_numbers = st.integers(-(10**18), 10**18) | st.integers(-3, 9)
_odd = st.sampled_from([value for value in ODD if value is not DELETED])


def documents(schema: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Return documents of a TypedDict: each key absent, null, odd, or of its own type."""
    fields = {name: _values(hint) for name, hint in get_type_hints(schema, include_extras=True).items()}
    return st.fixed_dictionaries({}, optional=fields)


def _values(hint: Any) -> st.SearchStrategy[Any]:
    while get_origin(hint) in (Annotated, Required, NotRequired):
        hint = get_args(hint)[0]
    if isinstance(hint, UnionType) or get_origin(hint) is Union:
        own = st.one_of([_values(kind) for kind in get_args(hint) if kind is not type(None)])
    elif is_typeddict(hint):
        own = st.deferred(lambda: documents(hint))
    elif get_origin(hint) is list:
        own = st.lists(st.deferred(lambda: _values(get_args(hint)[0])), max_size=2)
    elif get_origin(hint) is dict:
        own = st.dictionaries(_texts, _texts | _numbers, max_size=2)
    elif hint is bool:
        own = st.booleans()
    elif hint is int:
        own = _numbers
    else:
        own = _texts | _numbers.map(str)
    return st.one_of(own, own, own, st.none(), _odd)


Mutation = Callable[[Any], Any]
